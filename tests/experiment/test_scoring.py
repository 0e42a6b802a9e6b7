from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.data import AudioReader
from rfcx_audio.experiment import score_recordings
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
    scores, failures, frames = score_recordings(recogniser, paths, workers=0)
    table = scores.frame()
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
    scores, _, frames = score_recordings(recogniser, paths, workers=0, with_frames=True)
    table = scores.frame()
    for name, rows in table.groupby("recording_id"):
        starts_s, frame_s, scores = frames[str(name)]
        np.testing.assert_array_equal(starts_s, rows["t_min"])
        assert scores.shape == (len(rows), 3, 2)
        # This detector's clip logit is the mean of its frame logits.
        logits = np.log(scores / (1 - scores)).mean(1)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), rows[["s0", "s1"]], atol=0.02)
        assert abs(3 * frame_s - 3.0) < 0.05
        assert abs(len(stitch(frames[str(name)])) * frame_s - 12.0) < frame_s


def test_no_readable_recording_gives_an_empty_table(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    broken = {"broken": paths["broken"]}
    scores, failures, _ = score_recordings(recogniser, broken, workers=0)
    assert list(scores.frame()) == ["recording_id", "t_min", "t_max", "s0", "s1"]
    assert len(scores) == 0
    assert len(failures) == 1
