from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import PitchShift
from rfcx_audio.augment.pitch import shift_pitch

RATE = 16_000
TIME = torch.arange(RATE) / RATE


def loudest_hz(waveform: torch.Tensor) -> float:
    windowed = waveform.numpy() * np.hanning(len(waveform))
    return float(np.abs(np.fft.rfft(windowed, 8 * RATE)).argmax() / 8)


@pytest.mark.parametrize("semitones", [-3, -1, 1, 2])
def test_a_tone_comes_out_so_many_semitones_higher(semitones: int) -> None:
    tone = torch.sin(2 * torch.pi * 1000 * TIME)[None]
    shifted = shift_pitch(tone, semitones)
    assert shifted.shape == tone.shape
    cents = 1200 * np.log2(loudest_hz(shifted[0]) / 1000)
    assert cents == pytest.approx(100 * semitones, abs=4)


def test_time_and_loudness_are_kept() -> None:
    burst = torch.sin(2 * torch.pi * 1000 * TIME) * torch.exp(-(((TIME - 0.7) / 0.05) ** 2))
    shifted = shift_pitch(burst[None], 2)[0]
    centre = (TIME * shifted.square()).sum() / shifted.square().sum()
    assert centre.item() == pytest.approx(0.7, abs=0.02)
    assert shifted.square().mean().item() == pytest.approx(burst.square().mean().item(), rel=1e-3)


def test_boxes_move_with_the_sound_of_their_own_example(make_labels: MakeLabels) -> None:
    waveform = torch.sin(2 * torch.pi * 1000 * TIME).expand(12, -1).contiguous()
    labels = make_labels(12, f_end=4000.0)
    step = PitchShift(max_semitones=2, probability=0.7)
    shifted, relabelled = step(waveform, labels, torch.Generator().manual_seed(0))
    factors = relabelled.boxes.f_min / labels.boxes.f_min
    pitch = torch.tensor([loudest_hz(one) / 1000 for one in shifted])
    assert torch.allclose(factors, pitch[:, None].expand_as(factors), rtol=4e-3)
    assert torch.allclose(relabelled.boxes.f_max, labels.boxes.f_max * factors, rtol=1e-5)
    semitones = torch.round(12 * torch.log2(pitch)).int()
    assert set(semitones.tolist()) == {-2, -1, 0, 1, 2}
    assert torch.equal(shifted[semitones == 0], waveform[semitones == 0])


def test_zeros_stay_zeros() -> None:
    assert not shift_pitch(torch.zeros(1, 4000), 1).any()


def test_less_than_a_semitone_is_refused() -> None:
    with pytest.raises(ValueError, match="max_semitones = 0"):
        PitchShift(0)
