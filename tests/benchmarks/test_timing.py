from __future__ import annotations

from time import sleep

import pytest

from benchmarks.timing import Row, rows_of, timed_in_turn


def test_calls_are_timed_in_turn_after_one_that_does_not_count() -> None:
    made: list[str] = []
    calls = {"a": lambda: made.append("a"), "b": lambda: (made.append("b"), sleep(0.01))}
    times = timed_in_turn(calls, 3)
    assert "".join(made) == "abbaabba" or "".join(made) == "baabbaab"
    assert all(len(found) == 3 for found in times.values())
    assert min(times["b"]) >= 0.01


def test_the_ratio_is_the_median_of_ratios_not_the_ratio_of_medians() -> None:
    row = Row("g", "ours", "theirs", "s", [(1.0, 1.0), (4.0, 2.0), (9.0, 3.0)], goal=1.5)
    line = row.line()
    assert (line["ratio"], line["lowest"], line["highest"]) == (2.0, 1.0, 3.0)
    assert (line["median_ours"], line["median_other"]) == (4.0, 2.0)
    assert not line["reached"]


@pytest.mark.parametrize(("goal", "reached"), [(2.0, True), (1.99, False), (None, True)])
def test_a_goal_is_a_largest_ratio_and_may_be_missing(goal: float | None, reached: bool) -> None:
    assert Row("g", "ours", "theirs", "s", [(4.0, 2.0)], goal).line()["reached"] == reached


def test_ours_stands_beside_everything_that_has_a_goal() -> None:
    times = {"ours": [1.0, 2.0], "peer": [2.0, 2.0], "limit": [1.0, 1.0]}
    rows = rows_of("g", "ours", times, {"limit": 1.3})
    assert [(row.other, row.ratios) for row in rows] == [("limit", [1.0, 2.0])]
