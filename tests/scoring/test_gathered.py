from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rfcx_audio.data import AudioError
from rfcx_audio.scoring.gathered import RecordingScores, gathered


def recogniser() -> Any:
    windows = SimpleNamespace(duration_s=2.0, num_frames=lambda _: 8)
    frontend = SimpleNamespace(hop_s=0.5)
    settings = lambda: {"pool": "max"}  # noqa: E731
    return SimpleNamespace(
        species=("a", "b"), windows=windows, frontend=frontend, settings=settings
    )


def test_recordings_are_put_together_and_those_without_scores_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts = torch.tensor([0.0, 1.0], dtype=torch.float64)
    clip, frame = torch.rand(2, 2), torch.rand(2, 4, 2)
    outcomes = [
        ("one", RecordingScores(clip, starts, frame)),
        ("broken", AudioError("no sound")),
        ("two", RecordingScores(clip[:1], starts[:1], None)),
    ]
    scores, frames = gathered(recogniser(), outcomes)
    assert list(scores.keys["recording_id"]) == ["one", "one", "two"]
    assert list(scores.keys["t_max"]) == [2.0, 3.0, 2.0]
    torch.testing.assert_close(torch.from_numpy(scores.values).float()[:2], clip)
    assert scores.metadata == {"pool": "max", "failures": {"broken": "no sound"}}
    assert list(frames) == ["one"]
    assert frames["one"].frame_s == pytest.approx(1.0)  # 8 columns of 0.5 s, as 4 frames
    assert "broken" in caplog.text


def test_the_error_of_a_single_recording_is_raised() -> None:
    with pytest.raises(AudioError, match="no sound"):
        gathered(recogniser(), [("one", AudioError("no sound"))], alone=True)


def test_there_may_be_none() -> None:
    scores, frames = gathered(recogniser(), [])
    assert (len(scores.keys), scores.species, frames) == (0, ("a", "b"), {})
