from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rfcx_audio.experiment.steps import Step, mark_of, state_of, take


def step(folder: Path, made_of: list[Path], calls: list[Path]) -> Step:
    return Step(folder, "counted", lambda: made_of, calls.append)


def test_a_step_is_taken_once_until_what_it_is_made_of_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    material, folder, calls = tmp_path / "material", tmp_path / "counting", []
    material.write_text("a")
    for _ in range(2):
        take(step(folder, [material], calls), 2, 3)
    assert calls == [folder]
    assert "step 2 of 3, counting: finished before" in caplog.text
    material.write_text("ab")
    take(step(folder, [material], calls), 2, 3)
    assert len(calls) == 2
    assert "again: what it is made of has changed" in caplog.text


def test_a_step_that_fails_is_not_finished(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(Step(tmp_path, "fails", list, fail), 1, 1)
    assert mark_of(tmp_path) is None


def test_a_mark_has_the_seconds(tmp_path: Path) -> None:
    take(step(tmp_path, [], []), 1, 1)
    mark = mark_of(tmp_path)
    assert mark is not None
    assert float(mark["seconds"]) >= 0


def test_a_state_changes_with_every_file_and_their_order(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    missing = state_of([one, other])
    one.write_text("1")
    there = state_of([one, other])
    assert len({missing, there, state_of([one]), state_of([other, one])}) == 4
    assert state_of([one, other]) == there


def test_a_step_that_is_interrupted_the_second_time_is_not_finished(tmp_path: Path) -> None:
    one, other, folder = tmp_path / "one", tmp_path / "other", tmp_path / "step"
    take(step(folder, [one], []), 1, 1)

    def fail(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(Step(folder, "fails", lambda: [other], fail), 1, 1)
    calls: list[Path] = []
    take(step(folder, [one], calls), 1, 1)  # what is there is half of the other
    assert calls == [folder]


def test_a_folder_stands_for_what_is_in_it(tmp_path: Path) -> None:
    table = tmp_path / "deep" / "calls.csv"
    table.parent.mkdir()
    table.write_text("1")
    before = state_of([tmp_path])
    assert state_of([tmp_path]) == before
    table.write_text("12")  # its folders do not change by that
    assert state_of([tmp_path]) != before
