from __future__ import annotations

import multiprocessing
import time
from functools import partial
from pathlib import Path

import pytest

from archives import Dies, begin_and_wait, beside, loader, write_checkpoint, write_recordings
from rfcx_audio.experiment import LocalEngine, score_archive
from rfcx_audio.experiment.archive_local import ProcessScorer
from rfcx_audio.experiment.scoring import FileScorer


def joined(folder: Path) -> tuple[bytes, ...]:
    names = "scores.parquet", "submission.csv", "failures.csv"
    return tuple((folder / name).read_bytes() for name in names)


@pytest.mark.slow
def test_processes_and_threads_change_no_bit(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 8, broken=[3])
    load = loader(write_checkpoint(tmp_path))
    found = []
    for processes, threads in (1, 1), (1, 3), (2, 2):
        folder = tmp_path / f"{processes}_{threads}"
        engine = LocalEngine(num_processes=processes, num_threads=threads)
        score_archive(engine, load, paths, folder).join({})
        found.append(joined(folder))
    assert found[0] == found[1] == found[2]
    assert b"b/03" in found[0][2]


def test_one_process_is_this_one(tmp_path: Path) -> None:
    load = loader(write_checkpoint(tmp_path))
    scorers = LocalEngine(num_processes=1, num_threads=3).scorers(partial(FileScorer, load, "32"))
    assert len(scorers) == 3
    assert all(scorer is scorers[0] for scorer in scorers)
    assert isinstance(scorers[0], FileScorer)


@pytest.mark.slow
def test_the_end_of_a_process_is_an_error_that_says_what_to_do() -> None:
    scorer = ProcessScorer.start(Dies, 1)[0]
    with pytest.raises(RuntimeError, match=r"exit code 3.*lower engine\.num_processes"):
        scorer(Path("x.wav"))
    scorer.stop()


@pytest.mark.slow
def test_a_process_ends_with_the_one_that_began_it() -> None:
    here, there = multiprocessing.Pipe()
    parent = beside(begin_and_wait, there)
    number = here.recv()
    assert _lives(number)
    parent.kill()
    parent.join()
    while _lives(number):  # until it has imported all that it needs, and listens
        time.sleep(0.2)


def _lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "State:\tZ" not in status


@pytest.mark.parametrize("name", ["num_processes", "num_threads"])
def test_none_at_all_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"engine\.{name} = 0; expected 1 or more"):
        LocalEngine(**{name: 0})
