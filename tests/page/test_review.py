from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from review_pages import SPECIES, write_review
from rfcx_audio.page.clips import Clips
from rfcx_audio.page.review import AHEAD, AnswerError, Review
from rfcx_audio.scoring import list_recordings
from rfcx_audio.verdicts import VerdictError, VerdictStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_review(tmp_path)
    return tmp_path


@pytest.fixture
def review(folder: Path) -> Iterator[Review]:
    one = reviewed(folder)
    yield one
    one.close()


def reviewed(folder: Path, **options: Any) -> Review:
    store = VerdictStore.open(folder / "review" / "verdicts.sqlite")
    clips = Clips(store.clips(1), list_recordings(str(folder / "audio")))
    return Review(store, 1, clips, **options)


def line(clip: int, answer: str = "present", request: str = "", **more: Any) -> dict[str, Any]:
    return {"clip": clip, "answer": answer, "request": request or f"of {clip}", **more}


def numbers(state: dict[str, Any]) -> list[int]:
    return [one["clip"] for one in state["upcoming"]]


def test_a_reviewer_is_shown_the_next_clips_in_the_order_of_the_queue(review: Review) -> None:
    state = review.state("ana")
    assert numbers(state) == list(range(1, AHEAD + 1))
    assert state["left"] == state["progress"]["total"] == 12
    state = review.record({"reviewer": "ana", "verdicts": [line(1), line(2, "skipped")]})
    assert numbers(state) == [*range(3, AHEAD + 3)]
    assert state["left"] == 11  # a skipped clip comes again
    assert state["last"]["requests"] == ["of 2"]


def test_two_who_work_at_once_are_not_given_the_same_clips(review: Review) -> None:
    assert set(numbers(review.state("ana"))[:2]) == {1, 2}
    assert numbers(review.state("ben"))[:4] == [11, 12, 1, 2]


def test_a_verdict_that_is_sent_twice_counts_once(folder: Path, review: Review) -> None:
    asked = {"reviewer": "ana", "verdicts": [line(1, box=[1.0, 2.0, None, None], note="faint")]}
    assert review.record(asked) == review.record(asked)
    store = VerdictStore.open(folder / "review" / "verdicts.sqlite")
    (found,) = store.answers().to_dict("records")
    assert (found["t_min"], found["t_max"], found["note"]) == (1.0, 2.0, "faint")


def test_another_species_can_be_chosen_from_then_on(review: Review) -> None:
    assert review.about()["species"] == sorted(SPECIES)
    verdict = line(1, "other", other_species=" Marsh rail ")
    review.record({"reviewer": "ana", "verdicts": [verdict]})
    assert "Marsh rail" in review.about()["species"]
    assert review.about()["of_queue"] == sorted(SPECIES)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"reviewer": " "}, "needs a name"),
        ({"reviewer": "a" * 101}, "at most 100"),
        ({"reviewer": "a\nb"}, "needs a name"),
        ({"reviewer": 7}, "needs a name"),
        ({"reviewer": "ana"}, "list of 1 to 48"),
        ({"verdicts": []}, "list of 1 to 48"),
        ({"verdicts": [line(1)] * 49}, "list of 1 to 48"),
        ({"verdicts": [7]}, "no clip None"),
        ({"verdicts": [line(13)]}, "no clip 13"),
        ({"verdicts": [line(True)]}, "no clip True"),
        ({"verdicts": [{**line(1), "clip": "1"}]}, "no clip '1'"),
        ({"verdicts": [line(1, "maybe")]}, "answer = 'maybe'"),
        ({"verdicts": [line(1, "other")]}, "other_species goes with"),
        ({"verdicts": [line(1, note=["long"])]}, "are text"),
        ({"verdicts": [line(1, note="x" * 2001)]}, "note has more than 2000"),
        ({"verdicts": [line(1, box="wide")]}, "a box is a list of numbers"),
        ({"verdicts": [line(1, box=[2.0, 1.0, None, None])]}, "a box has 4 numbers"),
        ({"verdicts": [line(1, box=[True, 2.0, None, None])]}, "a box is a list of numbers"),
        ({"verdicts": [{"clip": 1, "answer": "present"}]}, "needs a request"),
    ],
)
def test_what_breaks_a_rule_is_refused_and_nothing_is_written(
    review: Review, asked: dict[str, Any], reason: str
) -> None:
    good = line(2)
    words = {"reviewer": "ana", **asked}
    if isinstance(words.get("verdicts"), list) and len(words["verdicts"]) == 1:
        words["verdicts"] = [good, *words["verdicts"]]  # a page is written as a whole
    with pytest.raises((AnswerError, VerdictError), match=reason):
        review.record(words)
    assert review.state("ana")["progress"]["answered"] == 0


def test_undo_may_be_asked_twice_and_only_by_who_answered(review: Review) -> None:
    page = [line(clip, request=f"page:{clip}") for clip in (1, 3, 5)]
    last = review.record({"reviewer": "ana", "verdicts": page})["last"]
    assert [one["clip"] for one in last["clips"]] == [1, 3, 5]
    asked = {"reviewer": "ben", "requests": last["requests"]}
    assert review.undo(asked)["progress"]["answered"] == 3
    asked["reviewer"] = "ana"
    assert review.undo(asked)["progress"]["answered"] == 0
    assert review.undo(asked)["last"] == {"requests": [], "clips": []}
    with pytest.raises(AnswerError, match="list of requests"):
        review.undo({"reviewer": "ana", "requests": "all"})


def test_a_page_of_many_has_one_species(review: Review) -> None:
    review.record({"reviewer": "ana", "verdicts": [line(1)]})
    found = review.grid("ana", "Bell frog", "12")["clips"]
    assert [one["clip"] for one in found] == [3, 5, 7, 9, 11]
    assert {one["species"] for one in found} == {"Bell frog"}
    assert review.grid("ana", "no species", "12")["clips"] == []
    with pytest.raises(AnswerError, match="12, 24, 48"):
        review.grid("ana", "Bell frog", "1000000")


def test_clips_of_the_queue_only_have_pictures(review: Review) -> None:
    png, about = review.picture(12, "fine")
    assert png.startswith(b"\x89PNG")
    assert about["f_max"] == 24_000
    for number, view, reason in ((13, "fine", "no clip 13"), (1, "model", "no view 'model'")):
        with pytest.raises(AnswerError, match=reason):
            review.picture(number, view)


def test_ten_thousand_clips_stay_small_and_quick(tmp_path: Path) -> None:
    write_review(tmp_path, clips=10_000)
    one = reviewed(tmp_path, most_bytes=2**21)
    for number in range(1, 60):
        one.prepared(number)
    assert one._ahead._size <= 2**21
    assert one.state("ana")["left"] == 10_000
    one.close()
