import pytest

from rfcx_audio.verdicts import ABSENT, ANSWERS, OTHER, PRESENT, Verdict, VerdictError
from rfcx_audio.verdicts.verdict import check_verdict


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_answer_passes(answer: str) -> None:
    other = "wren" if answer == OTHER else None
    check_verdict(Verdict(1, "ana", answer, "a", other, (0.0, 2.5, 100.0, 900.0)))
    check_verdict(Verdict(1, "ana", answer, "a", other, (0.0, 2.5, None, None)))


@pytest.mark.parametrize(
    ("box", "is_box"),
    [
        ((0.0, 1.0, None, None), True),
        ((0.0, 1.0, 0.0, 1.0), True),
        ((0.0, 1.0, 5.0, None), False),
        ((0.0, 1.0), False),
        ((-1.0, 1.0, None, None), False),
        ((None, 1.0, None, None), False),
        ((0.0, float("inf"), None, None), False),
        ((0.0, float("nan"), None, None), False),
        ((1.0, 1.0, None, None), False),
        ((0.0, 1.0, 2.0, 2.0), False),
    ],
)
def test_a_box_ends_after_it_begins(box: tuple[float | None, ...], is_box: bool) -> None:
    verdict = Verdict(1, "ana", PRESENT, "a", box=box)
    if is_box:
        check_verdict(verdict)
    else:
        with pytest.raises(VerdictError, match="a box has 4 numbers"):
            check_verdict(verdict)


def test_another_species_goes_with_its_answer_only() -> None:
    for answer, species in ((OTHER, None), (ABSENT, "wren")):
        with pytest.raises(VerdictError, match="goes with the answer 'other'"):
            check_verdict(Verdict(1, "ana", answer, "a", species))
