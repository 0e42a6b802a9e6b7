from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
from torchaudio.functional import compute_deltas

from rfcx_audio.frontend import DeltaLogMel, LogMel
from rfcx_audio.frontend.deltas import slopes


def test_the_channels_are_the_log_mel_and_its_slopes() -> None:
    waveform = torch.rand(2, 24_000, generator=torch.Generator().manual_seed(0)) - 0.5
    images = DeltaLogMel(24_000, f_max=12_000, n_mels=64)(waveform)
    mel = LogMel(24_000, f_max=12_000, n_mels=64)(waveform)
    assert torch.equal(images[:, :1], mel)
    first = librosa.feature.delta(mel[0, 0].numpy(), width=5, mode="nearest")
    second = librosa.feature.delta(first, width=5, mode="nearest")
    np.testing.assert_allclose(images[0, 1], first, atol=1e-4)
    np.testing.assert_allclose(images[0, 2], second, atol=1e-4)


def test_an_empty_batch_stays_empty_and_has_three_channels() -> None:
    assert DeltaLogMel(24_000, f_max=12_000, n_mels=64)(torch.zeros(0, 24_000)).shape[:2] == (0, 3)


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_slopes_are_those_of_torchaudio(frames: int) -> None:
    level = torch.randn(2, 3, frames, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(slopes(level), compute_deltas(level))
