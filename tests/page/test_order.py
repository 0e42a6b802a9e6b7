from __future__ import annotations

import pandas as pd
import pytest

from rfcx_audio.page.order import Order, last_of
from rfcx_audio.verdicts import ABSENT, PRESENT, SKIPPED, UNSURE, Standing


def table(rows: int = 6) -> pd.DataFrame:
    """Clips 11, 12, …: an owl and a frog in turn, two a recording, three a site."""
    numbers = range(rows)
    return pd.DataFrame(
        {
            "clip": [11 + n for n in numbers],
            "species": ["owl", "frog"] * (rows // 2),
            "recording_id": [f"r{n // 4}" for n in numbers],
            "site": ["pond" if n < 4 else "" for n in numbers],
        }
    )


def given(*lines: tuple[int, str, str]) -> list[Standing]:
    return [Standing(*line, f"request {place}") for place, line in enumerate(lines)]


def test_unanswered_clips_come_first_then_those_of_others_then_skipped_ones() -> None:
    order = Order(table())
    standing = given(
        *((11, "ana", SKIPPED), (12, "ana", UNSURE), (13, "ben", PRESENT), (14, "ana", SKIPPED)),
        *((15, "ben", SKIPPED), (11, "ana", SKIPPED)),
    )
    assert order.upcoming(standing, "ana") == [15, 16, 13, 14, 11]
    assert order.upcoming(standing, "ben") == [11, 14, 16, 12, 15]
    assert order.upcoming(standing, "eva") == [11, 14, 15, 16, 12, 13]
    assert order.upcoming([], "ana", species="frog") == [12, 14, 16]


def test_clips_before_other_reviewers_come_after_those_before_none() -> None:
    assert Order(table()).upcoming([], "ben", {11, 12}) == [13, 14, 15, 16, 11, 12]


def test_an_answer_after_a_skip_counts_and_a_skip_after_an_answer_too() -> None:
    order = Order(table())
    assert 11 not in order.upcoming(given((11, "ana", SKIPPED), (11, "ana", ABSENT)), "ana")
    assert order.upcoming(given((11, "ana", ABSENT), (11, "ana", SKIPPED)), "ana")[-1] == 11


@pytest.mark.parametrize(
    ("once_per", "left"),
    [(None, [12, 13, 14, 15, 16]), ("recording", [12, 14, 15, 16]), ("site", [12, 14, 15, 16])],
)
def test_one_confirmed_clip_of_a_place_is_enough(once_per: str | None, left: list[int]) -> None:
    order = Order(table(), once_per)  # pyright: ignore[reportArgumentType]
    standing = given((11, "ana", PRESENT))
    assert order.upcoming(standing, "ana") == left
    assert order.progress(standing, "ana")["passed_over"] == 5 - len(left)
    # Another reviewer may still be asked about what one has answered: disagreement is found.
    assert 11 in order.upcoming(standing, "ben")
    assert order.upcoming(given((11, "ana", ABSENT)), "ana") == [12, 13, 14, 15, 16]


def test_an_unknown_site_is_no_place() -> None:
    assert Order(table(), "site").upcoming(given((15, "ana", PRESENT)), "ana")[-1] == 16
    assert len(Order(table(), "site").upcoming(given((15, "ana", PRESENT)), "ana")) == 5
    with pytest.raises(ValueError, match="once_per=day; expected recording, site or null"):
        Order(table(), "day")  # pyright: ignore[reportArgumentType]


def test_progress_counts_clips_and_not_verdicts() -> None:
    standing = given(
        (11, "ana", PRESENT), (11, "ben", ABSENT), (12, "ben", UNSURE), (13, "ana", SKIPPED)
    )
    assert Order(table()).progress(standing, "ana") == {
        "total": 6,
        "answered": 2,
        "mine": 1,
        "skipped": 1,
        "passed_over": 0,
        "species": {"frog": [1, 3], "owl": [1, 3]},
    }


def test_a_page_is_undone_at_once() -> None:
    standing = [
        Standing(11, "ana", PRESENT, "one"),
        Standing(12, "ana", PRESENT, "page:12"),
        Standing(13, "ben", PRESENT, "other"),
        Standing(14, "ana", ABSENT, "page:14"),
    ]
    assert [one.clip for one in last_of(standing, "ana")] == [12, 14]
    assert [one.clip for one in last_of(standing[:1], "ana")] == [11]
    assert last_of(standing, "eva") == []
