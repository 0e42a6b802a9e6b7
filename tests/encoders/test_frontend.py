from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import Tensor

from rfcx_audio.encoders import EncoderFrontend
from tiny_encoders import Levels


def columns(waveform: Tensor, hop: int) -> Tensor:
    """The features of a waveform (samples,) window by window, in a loop."""
    found, start = [], 0
    while True:
        window = torch.zeros(4)
        part = waveform[start : start + 4]
        window[: len(part)] = part
        found.append(Levels()(window[None])[0])
        start += hop
        if start + 4 - hop >= len(waveform):
            return torch.stack(found, 1)


@given(some.integers(1, 150), some.integers(1, 4), some.integers(1, 3))
def test_a_column_is_a_window_and_all_of_the_sound_is_in_one(
    samples: int, hop: int, batch: int
) -> None:
    waveform = torch.rand(batch, samples, generator=torch.Generator().manual_seed(samples))
    frontend = EncoderFrontend(Levels(), hop_s=hop / 2)
    found = frontend(waveform)
    assert found.shape == (batch, 1, frontend.n_mels, frontend.num_frames(samples))
    for one, image in zip(waveform, found, strict=True):
        torch.testing.assert_close(image[0], columns(one, hop))
    assert (found.shape[-1] - 1) * hop + 4 >= samples  # nothing is left out


def test_the_end_is_padded_with_silence() -> None:
    found = EncoderFrontend(Levels(), hop_s=2.0)(torch.ones(1, 6))[0, 0]
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.5], [1, 1], [1, 0]]))


def test_gain_amplifies_the_sound_first() -> None:
    waveform = torch.rand(2, 9)
    found = EncoderFrontend(Levels(), hop_s=1.0, gain_db=20.0)(waveform)
    torch.testing.assert_close(found, EncoderFrontend(Levels(), hop_s=1.0)(10 * waveform))


def test_features_stay_in_float32_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert EncoderFrontend(Levels(), 1.0)(torch.rand(1, 8)).dtype == torch.float32


def test_no_waveform_gives_no_image() -> None:
    assert EncoderFrontend(Levels(), 1.0)(torch.zeros(0, 8)).shape == (0, 1, 3, 3)


def test_it_is_pickled_with_its_settings() -> None:
    frontend = EncoderFrontend(Levels(offset=1.0), hop_s=0.5, gain_db=6.0)
    made = pickle.loads(pickle.dumps(frontend))  # noqa: S301
    assert made.settings() == frontend.settings()
    assert frontend.settings()["encoder"] == Levels(offset=1.0).described()
    waveform = torch.rand(1, 9)
    torch.testing.assert_close(made(waveform), frontend(waveform))


def test_what_stands_in_the_place_of_a_spectrogram_has_its_properties() -> None:
    frontend = EncoderFrontend(Levels(), hop_s=1.0)
    assert (frontend.hop_length, frontend.hop_s, frontend.n_fft, frontend.channels) == (2, 1, 4, 1)
    assert (frontend.f_min, frontend.f_max, frontend.center) == (0, 1, False)
    bands = frontend.bands_of(torch.tensor([0.0, 0.4, 1.0]))
    assert bands.tolist() == [0, 3, 3]


def test_a_hop_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hop_s = 0; expected seconds above 0"):
        EncoderFrontend(Levels(), hop_s=0)
