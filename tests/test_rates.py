from __future__ import annotations

import pytest

from rfcx_audio.config import load_config
from rfcx_audio.frontend import mel_filterbank
from rfcx_audio.rates import at_rate, fft_length


@pytest.mark.parametrize(
    ("rate", "hop", "f_min", "f_max", "length"),
    [
        (48_000, 1024, 60, 15_000, 2048),
        (16_000, 341, 60, 8000, 1024),
        (32_000, 683, 60, 15_000, 2048),
        (22_050, 470, 60, 11_025, 1024),
        (384_000, 1024, 28_000, 90_000, 2048),  # ultrasound keeps its finer times
        (192_000, 1024, 60, 90_000, 4096),  # insects and bats
        (192_000, 1024, 60, 15_000, 4096),
        (2000, 43, 60, 1000, 256),
        (None, None, None, None, None),
    ],
)
def test_samples_last_as_long_at_lower_rates(rate, hop, f_min, f_max, length) -> None:
    assert at_rate(1024, rate) == hop
    assert fft_length(2048, rate, f_min, f_max, 128) == length


@pytest.mark.parametrize("rate", [500, 1000, 2000, 8000, 48_000, 96_000, 250_000, 500_000])
@pytest.mark.parametrize("n_mels", [40, 128, 256])
@pytest.mark.parametrize("f_min", [0, 1, 60])
def test_no_filter_is_empty_and_a_quarter_of_the_length_would_leave_one(
    rate, n_mels, f_min
) -> None:
    for f_max in {min(15_000, rate / 2), rate / 2}:
        length = fft_length(2048, rate, f_min, f_max, n_mels)
        mel_filterbank(rate, length, n_mels, f_min, f_max)
        if length > 1 << (at_rate(2048, rate) - 1).bit_length():
            with pytest.raises(ValueError, match="raise n_fft"):
                mel_filterbank(rate, length // 4, n_mels, f_min, f_max)


def test_a_range_that_the_front_end_refuses_has_a_length() -> None:
    assert fft_length(2048, 48_000, 9000, 100, 128) == 2048


def test_the_configuration_follows_the_number_of_filters() -> None:
    config = load_config("train", ["frontend.n_mels=512", "data.sample_rate=48000"])
    config.data.f_min, config.data.f_max = 60.0, 15_000.0
    assert config.frontend.n_fft == 4096
