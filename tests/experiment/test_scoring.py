from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.data import AudioReader
from rfcx_audio.experiment import score_recordings
from rfcx_audio.experiment.scoring import FileScorer, FileScores
from rfcx_audio.frontend import LogMel
from rfcx_audio.inference import Recogniser, SlidingWindows
from rfcx_audio.labelling import stitch


class Loudness(nn.Module):
    """Three frames a window, each the mean of its part; two species, one the other's opposite."""

    def __init__(self) -> None:
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(()))

    def forward(self, spectrogram: Tensor) -> Logits:
        parts = torch.tensor_split(spectrogram, 3, dim=-1)
        frame = torch.stack([part.mean((1, 2, 3)) for part in parts], dim=1)  # (batch, frames)
        frame = torch.stack([frame, -frame], dim=2)
        return Logits(frame.mean(1), frame)


@pytest.fixture
def recogniser() -> Recogniser:
    frontend = LogMel(sample_rate=48_000, f_min=60.0, f_max=15_000.0)
    windows = SlidingWindows(3.0, overlap=0.5)
    return Recogniser(AudioReader(48_000), frontend, Loudness(), windows, 2).eval()


@pytest.fixture
def paths(forest: Path, tmp_path: Path) -> dict[str, Path]:
    """Two recordings, and one that cannot be read between them."""
    (tmp_path / "broken.flac").write_bytes(b"nonsense")
    first, last = sorted((forest / "test").glob("*.flac"))[:2]
    return {"first": first, "broken": tmp_path / "broken.flac", "last": last}


def test_every_window_has_the_scores_that_the_recogniser_gives(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    table, failures, frames = score_recordings(recogniser, paths, workers=0)
    assert [failure.recording_id for failure in failures] == ["broken"]
    assert frames == {}
    assert table["recording_id"].unique().tolist() == ["first", "last"]
    for name, rows in table.groupby("recording_id"):
        waveform = recogniser.reader.read(paths[str(name)])
        scores, starts_s = recogniser(torch.from_numpy(waveform))
        np.testing.assert_allclose(rows[["s0", "s1"]], scores, atol=0.02)  # bf16 at most
        np.testing.assert_allclose(rows["t_min"], starts_s)


def test_frames_belong_to_the_same_windows_and_cover_the_recording(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    table, _, frames = score_recordings(recogniser, paths, workers=0, with_frames=True)
    for name, rows in table.groupby("recording_id"):
        starts_s, frame_s, scores = frames[str(name)]
        np.testing.assert_array_equal(starts_s, rows["t_min"])
        assert scores.shape == (len(rows), 3, 2)
        # This detector's clip logit is the mean of its frame logits.
        logits = np.log(scores / (1 - scores)).mean(1)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), rows[["s0", "s1"]], atol=0.02)
        assert abs(3 * frame_s - 3.0) < 0.05
        assert abs(len(stitch(frames[str(name)])) * frame_s - 12.0) < frame_s


def test_each_recording_is_shown_with_its_scores(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    seen: dict[str, tuple[int, pd.DataFrame]] = {}

    def look(name: str, waveform: np.ndarray, scores: pd.DataFrame) -> None:
        seen[name] = (len(waveform), scores)

    table = score_recordings(recogniser, paths, workers=0, on_recording=look).table
    assert {name: length for name, (length, _) in seen.items()} == {
        "first": 12 * 48_000,
        "last": 12 * 48_000,
    }
    together = pd.concat([scores for _, scores in seen.values()], ignore_index=True)
    pd.testing.assert_frame_equal(table, together)


def test_no_readable_recording_gives_an_empty_table(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    broken = {"broken": paths["broken"]}
    table, failures, _ = score_recordings(recogniser, broken, workers=0)
    assert list(table) == ["recording_id", "t_min", "t_max", "s0", "s1"]
    assert table.empty
    assert len(failures) == 1


def test_a_file_scorer_says_what_becomes_of_a_file(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    scorer = FileScorer(lambda: recogniser, "32-true", "cpu")
    outcome = scorer(paths["first"])
    assert isinstance(outcome, FileScores)
    scores, starts_s = recogniser(torch.from_numpy(recogniser.reader.read(paths["first"])))
    np.testing.assert_allclose(outcome.scores, scores, atol=1e-5)
    np.testing.assert_array_equal(outcome.starts_s, starts_s)
    assert isinstance(scorer(paths["broken"]), str)


def test_every_block_is_computed_with_one_core_whatever_the_others_may(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    seen: list[int] = []
    recogniser.detector.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        FileScorer(lambda: recogniser, "32-true", "cpu", threads=2)(paths["first"])
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_stopped_file_scorer_ends_what_is_in_work(
    recogniser: Recogniser, paths: dict[str, Path], tmp_path: Path
) -> None:
    waveform, rate = soundfile.read(paths["first"])
    soundfile.write(tmp_path / "long.wav", np.tile(waveform, 20), rate)  # six blocks
    scorer = FileScorer(lambda: recogniser, "32-true", "cpu")
    calls: list[None] = []

    def stop(*_: object) -> None:
        calls.append(None)
        scorer.stop()

    recogniser.detector.register_forward_pre_hook(stop)
    with pytest.raises(CancelledError):
        scorer(tmp_path / "long.wav")
    assert len(calls) == 1
