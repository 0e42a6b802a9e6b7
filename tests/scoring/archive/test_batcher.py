from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from archives import RATE, loader, stopping, write_checkpoint, write_recordings
from rfcx_audio.scoring import Recogniser, SlidingWindows
from rfcx_audio.scoring.archive import FileScorer, FileScores, Outcome, score_archive
from rfcx_audio.scoring.archive.batcher import Batcher
from rfcx_audio.scoring.archive.local import scored


class Together(FileScorer):
    """A file scorer that batches blocks of several files, as on a GPU, but on the CPU."""

    def __init__(
        self, load: Callable[[], Recogniser], precision: str, device: str, threads: int = 1
    ) -> None:
        super().__init__(load, precision, device)
        self.blocks = Batcher(self.model, precision, threads)


class TogetherEngine:
    """Works on 12 files at once."""

    device_type = "cpu"

    def __init__(self, load: Callable[[], Recogniser], threads: int) -> None:
        self.load = load
        self.threads = threads

    def outcomes(
        self,
        make: Callable[[str, int], FileScorer],
        paths: Mapping[str, Path],
    ) -> Generator[tuple[str, Outcome]]:
        return scored([Together(self.load, "32-true", "cpu", self.threads)] * 12, paths)


@pytest.fixture
def recogniser(tmp_path: Path) -> Recogniser:
    return loader(write_checkpoint(tmp_path))()


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """Recordings of 3 s, one shorter than a window, one of several blocks, and broken ones."""
    found = write_recordings(tmp_path / "audio", 10, broken=[3, 4])
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 150 * RATE)
    for name, samples in ("short", noise[: RATE // 2]), ("long", noise), ("torn", noise):
        found[name] = tmp_path / "audio" / f"{name}.flac"
        soundfile.write(found[name], samples, RATE)
    content = found["torn"].read_bytes()  # its first block can be read, its last cannot
    found["torn"].write_bytes(content[: len(content) * 2 // 3])
    return found


def limited(recogniser: Recogniser, windows: int) -> Recogniser:
    """With so many windows in a batch."""
    pixels = recogniser.frontend.n_mels * recogniser.windows.num_frames(recogniser.frontend)
    settings = {**vars(recogniser.windows), "pixels_at_once": windows * pixels}
    recogniser.windows = SlidingWindows(**settings)
    return recogniser


@pytest.mark.parametrize("threads", [1, 6])
@pytest.mark.parametrize("windows", [1, 7, 1000])
def test_files_have_the_scores_of_their_blocks_one_by_one(
    recogniser: Recogniser, paths: dict[str, Path], windows: int, threads: int
) -> None:
    expected = {
        name: FileScorer(lambda: recogniser, "32-true", "cpu")(paths[name]) for name in paths
    }
    scorer = Together(lambda: limited(recogniser, windows), "32-true", "cpu", threads)
    found = dict(scored([scorer] * 6, paths))
    assert set(found) == set(paths)
    for name, outcome in found.items():
        alone = expected[name]
        if isinstance(alone, str):
            assert outcome == alone, name
            continue
        assert isinstance(outcome, FileScores), name
        np.testing.assert_allclose(outcome.scores, alone.scores, atol=1e-5)
        np.testing.assert_array_equal(outcome.starts_s, alone.starts_s)
    assert sum(isinstance(outcome, str) for outcome in found.values()) == 3


def test_what_is_ready_is_scored_in_one_batch(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    scorer = Together(lambda: recogniser, "32-true", "cpu", threads=8)
    batcher = scorer.blocks
    assert isinstance(batcher, Batcher)
    names = [name for name in paths if name[0] in "ab" and name not in ("b/03", "a/04")]
    ready, sizes = threading.Event(), []

    def wait(_: torch.nn.Module, arguments: tuple[torch.Tensor]) -> None:
        sizes.append(len(arguments[0]))
        assert ready.wait(60)  # the first batch waits until all others are read

    recogniser.detector.register_forward_pre_hook(wait)
    with ThreadPoolExecutor(len(names)) as pool:
        coming = [pool.submit(scorer, paths[name]) for name in names]
        until = time.monotonic() + 60
        while not sizes or batcher._num_waiting() + sum(sizes) < 5 * len(names):
            assert time.monotonic() < until
            time.sleep(0.01)
        ready.set()
        outcomes = [future.result() for future in coming]
    assert all(isinstance(outcome, FileScores) for outcome in outcomes)
    assert len(sizes) <= 3  # the first, and 35 windows in chunks of 32
    assert sum(sizes) == 5 * len(names)


def test_no_more_is_read_ahead_than_two_batches(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    scorer = Together(lambda: limited(recogniser, 32), "32-true", "cpu", threads=2)
    batcher = scorer.blocks
    assert isinstance(batcher, Batcher)
    most = 0

    def look(*_: object) -> None:
        nonlocal most
        most = max(most, batcher._num_waiting())

    recogniser.detector.register_forward_pre_hook(look)
    outcome = scorer(paths["long"])
    assert isinstance(outcome, FileScores)
    assert len(outcome.scores) > 250
    assert 0 < most < 3 * 32  # the last that was let in began below two batches


def test_an_archive_is_the_same_and_goes_on_where_it_was_left(
    recogniser: Recogniser, paths: dict[str, Path], tmp_path: Path
) -> None:
    engine = TogetherEngine(lambda: recogniser, threads=3)
    whole = score_archive(engine, lambda: recogniser, paths, tmp_path / "whole")
    some = {name: paths[name] for name in list(paths)[:5]}
    score_archive(engine, lambda: recogniser, some, tmp_path / "parts")
    parts = score_archive(engine, lambda: recogniser, paths, tmp_path / "parts")
    assert not parts.left()
    assert whole.failures() == parts.failures()
    assert [failure.recording_id for failure in whole.failures()] == ["a/04", "b/03", "torn"]
    assert [name for name, _ in whole.tables()] == [name for name, _ in parts.tables()]
    for name, table in whole.tables():
        scores, _ = recogniser(torch.from_numpy(recogniser.reader.read(paths[name])))
        columns = [column for column in table.column_names if column.startswith("s")][
            -scores.shape[1] :
        ]
        found = table.select(columns).to_pandas().to_numpy()
        np.testing.assert_allclose(found, scores, atol=1e-5)


def test_what_ends_a_batch_ends_all_who_wait_for_it(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("2 GiB")

    recogniser.detector.register_forward_pre_hook(fail)
    scorer = Together(lambda: recogniser, "32-true", "cpu", threads=4)
    with ThreadPoolExecutor(4) as pool:
        coming = [pool.submit(scorer, paths[name]) for name in ("a/00", "b/01", "long", "short")]
        errors = [future.exception(timeout=60) for future in coming]
    for error in errors:
        assert isinstance(error, RuntimeError | CancelledError)
    messages = [str(error) for error in errors if isinstance(error, RuntimeError)]
    assert any("lower pixels_at_once, now 16777216" in text for text in messages)


def test_a_stopped_batcher_ends_what_is_in_work(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    scorer = Together(lambda: limited(recogniser, 32), "32-true", "cpu")
    calls = stopping(recogniser, scorer)
    with pytest.raises(CancelledError):
        scorer(paths["long"])
    assert len(calls) == 1
