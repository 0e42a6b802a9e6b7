from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from archives import (
    RATE,
    Dies,
    begin_and_wait,
    loader,
    write_checkpoint,
    write_recordings,
)
from preloaded import beside
from rfcx_audio.scoring.archive import FileScores, LocalEngine, Outcome, score_archive
from rfcx_audio.scoring.archive.local import ProcessScorer, scored

PATHS = {f"{number:02}": Path(f"{number:02}.wav") for number in range(20)}


class Answers:
    """A scorer that scores as it is asked to."""

    def __init__(self, answer: Callable[[Path], None] = lambda path: None) -> None:
        self.answer = answer
        self.stopped = False

    def __call__(self, path: Path) -> Outcome:
        self.answer(path)
        return "torn" if path.stem == "07" else FileScores(np.zeros(1), np.zeros((1, 2), "float32"))

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize("number", [1, 3, 30])
def test_all_is_done_with_every_number_of_scorers(number: int) -> None:
    scorers = [Answers() for _ in range(number)]
    found = dict(scored(scorers, PATHS))
    assert sorted(found) == list(PATHS)
    assert [name for name, outcome in found.items() if isinstance(outcome, str)] == ["07"]
    assert all(scorer.stopped for scorer in scorers)


def test_each_is_handed_out_as_soon_as_it_is_known() -> None:
    others_are_done = threading.Event()

    def wait(path: Path) -> None:
        assert path.stem != "00" or others_are_done.wait(60)

    done = []
    for name, _ in scored([Answers(wait), Answers(wait)], PATHS):
        done.append(name)
        if len(done) == len(PATHS) - 1:
            others_are_done.set()
    assert done[-1] == "00"


def test_no_more_is_begun_than_is_asked_for() -> None:
    begun: list[str] = []
    scorer = Answers(lambda path: begun.append(path.stem))
    outcomes = scored([scorer], PATHS)
    next(outcomes)
    outcomes.close()
    assert scorer.stopped
    assert len(begun) < 5


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_scorers_are_stopped_when_one_fails(error: type[BaseException]) -> None:
    def fail(path: Path) -> None:
        if path.stem == "05":
            raise error

    scorer = Answers(fail)
    with pytest.raises(error):
        dict(scored([scorer], PATHS))
    assert scorer.stopped


def joined(folder: Path) -> tuple[bytes, ...]:
    names = "scores.parquet", "submission.csv", "failures.csv"
    return tuple((folder / name).read_bytes() for name in names)


@pytest.mark.slow
def test_processes_and_threads_change_no_bit(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 8, broken=[3])
    paths["long"] = tmp_path / "long.wav"  # several blocks, which several threads share
    soundfile.write(paths["long"], np.random.default_rng(0).uniform(-1, 1, 200 * RATE), RATE)
    load = loader(write_checkpoint(tmp_path))
    found = []
    for processes, threads in (1, 1), (1, 3), (2, 2):
        folder = tmp_path / f"{processes}_{threads}"
        engine = LocalEngine(num_processes=processes, num_threads=threads)
        score_archive(engine, load, paths, folder).join({})
        found.append(joined(folder))
    assert found[0] == found[1] == found[2]
    assert b"b/03" in found[0][2]


@pytest.mark.slow
def test_the_end_of_a_process_is_an_error_that_names_what_to_do() -> None:
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
    while _lives(number):  # until it has imported all that it needs, and waits for paths
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
