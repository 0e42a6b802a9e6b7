from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from archives import loader, write_checkpoint, write_recordings
from rfcx_audio.experiment import Archive, ArchiveError, LocalEngine, score_archive
from rfcx_audio.experiment.archive_work import progress_line, work_off
from rfcx_audio.experiment.scoring import FileScores, Outcome, score_recordings

NAMES = [f"{number:02}" for number in range(20)]


class Answers:
    """A scorer that does as it is told."""

    def __init__(self, answer: Callable[[Path], None] = lambda path: None) -> None:
        self.answer = answer
        self.stopped = False

    def __call__(self, path: Path) -> Outcome:
        self.answer(path)
        return "torn" if path.stem == "07" else FileScores(np.zeros(1), np.zeros((1, 2), "float32"))

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    settings = {"duration_s": 1.0, "pool": "max"}
    return Archive(tmp_path, {name: Path(f"{name}.wav") for name in NAMES}, settings, 2)


def test_all_is_done_with_every_number_of_scorers(archive: Archive) -> None:
    for scorers, names in ([Answers()], NAMES[:8]), ([Answers() for _ in range(30)], NAMES[8:]):
        work_off(archive, names, scorers)
        assert all(scorer.stopped for scorer in scorers)
    assert archive.left() == []
    assert archive.failures() == [("07", "torn")]


def test_each_is_kept_as_soon_as_it_is_done(archive: Archive) -> None:
    others_are_kept = threading.Event()
    keep = archive.keep
    kept: list[str] = []

    def watch(name: str, outcome: Outcome) -> None:
        keep(name, outcome)
        kept.append(name)
        if len(kept) == len(NAMES) - 1:
            others_are_kept.set()

    def wait(path: Path) -> None:
        assert path.stem != "00" or others_are_kept.wait(60)

    archive.keep = watch  # pyright: ignore[reportAttributeAccessIssue]
    work_off(archive, NAMES, [Answers(wait), Answers(wait)])
    assert kept[-1] == "00"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_is_done_is_kept_when_it_ends_early(
    archive: Archive, error: type[BaseException]
) -> None:
    def fail(path: Path) -> None:
        if path.stem == "05":
            raise error

    scorer, threads = Answers(fail), torch.get_num_threads()
    with pytest.raises(error):
        work_off(archive, NAMES, [scorer])
    assert scorer.stopped
    assert archive.left()[0] == "05"
    assert torch.get_num_threads() == threads


def test_scorers_compute_with_one_core_each(archive: Archive) -> None:
    seen: list[int] = []
    work_off(archive, NAMES, [Answers(lambda _: seen.append(torch.get_num_threads()))] * 3)
    assert set(seen) == {1}


def test_progress_tells_rate_estimate_and_failures() -> None:
    assert progress_line(0, 10, 0, 0, 0.0) == "0 of 10 recordings, 0 unreadable"
    line = progress_line(400, 100_000, 3, 100, 50.0)
    assert line == "400 of 100000 recordings, 3 unreadable, 120.0 a minute, 13:50:00 left"


def test_an_archive_has_the_scores_that_one_call_gives(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 4, broken=[2])
    load = loader(write_checkpoint(tmp_path))
    archive = score_archive(LocalEngine(), load, paths, tmp_path / "out")
    at_once = score_recordings(load(), paths, workers=0)
    assert [one.recording_id for one in archive.failures()] == ["a/02"]
    assert archive.failures() == at_once.failures
    for (name, table), (other, rows) in zip(
        archive.tables(), at_once.table.groupby("recording_id"), strict=True
    ):
        assert name == other
        np.testing.assert_allclose(
            table.to_pandas().iloc[:, 1:],
            rows.iloc[:, 1:],
            atol=0.01,  # bf16 at most
        )


def test_the_settings_tell_what_the_scores_depend_on(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 1)
    one, two = (write_checkpoint(tmp_path, seed) for seed in (0, 1))
    archive = score_archive(LocalEngine(), loader(one), paths, tmp_path / "out")
    assert archive.settings["checkpoint_sha256"] == loader(one)().checkpoint_hash
    assert {"device", "precision", "versions", "tta", "smooth"} <= set(archive.settings)
    words = re.compile(r"checkpoint_sha256 was '\w{64}' and is '\w{64}'\. Give")
    with pytest.raises(ArchiveError, match=words):
        score_archive(LocalEngine(), loader(two), paths, tmp_path / "out")
