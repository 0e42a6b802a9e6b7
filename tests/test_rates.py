from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.config import build, load_config
from rfcx_audio.frontend import LogMel, mel_filterbank
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


@settings(max_examples=300)
@given(
    st.sampled_from([500, 1000, 2000, 8000, 44_100, 48_000, 96_000, 192_000, 250_000, 500_000]),
    st.integers(8, 512),
    st.floats(0, 0.98),
    st.floats(0.01, 1),
)
def test_it_is_the_shortest_that_leaves_no_filter_empty(rate, n_mels, begin, width) -> None:
    f_min = begin * rate / 2
    f_max = f_min + width * (rate / 2 - f_min)
    usual = 1 << (at_rate(2048, rate) - 1).bit_length()
    length = fft_length(2048, rate, f_min, f_max, n_mels)
    if length > usual:
        mel_filterbank(rate, length, n_mels, f_min, f_max)
    shorter = [usual << n for n in range(4) if usual << n < length]
    for other in shorter if length > usual else [usual << n for n in range(1, 4)]:
        try:
            mel_filterbank(rate, other, n_mels, f_min, f_max)
        except ValueError as error:
            assert "raise n_fft" in str(error)
        else:
            assert length == usual
            mel_filterbank(rate, usual, n_mels, f_min, f_max)


@pytest.mark.parametrize(
    ("rate", "f_min", "f_max", "n_mels"),
    [(48_000, 9000, 100, 128), (48_000, 60, 15_000, -1), (48_000, 60, 30_000, 128)],
)
def test_what_the_front_end_refuses_has_the_usual_length(rate, f_min, f_max, n_mels) -> None:
    assert fft_length(2048, rate, f_min, f_max, n_mels) == 2048


def test_the_window_does_not_grow_without_end() -> None:
    assert fft_length(2048, 48_000, 60, 300, 128) == 16_384
    assert fft_length(2048, 48_000, 60, 100, 128) == 2048  # and LogMel refuses it
    with pytest.raises(ValueError, match="lower n_mels, raise n_fft"):
        LogMel(48_000, 2048, f_min=60, f_max=100)


@pytest.mark.parametrize(
    ("words", "length"),
    [
        (["frontend.n_mels=512"], 4096),
        (["frontend.f_max=1000"], 4096),
        (["frontend.n_mels=256", "frontend.f_min=5000"], 2048),
        (["frontend=three_channels"], 2048),
    ],
)
def test_the_configuration_follows_the_front_end(words: list[str], length: int) -> None:
    config = load_config("train", ["data.sample_rate=48000", *words])
    config.data.f_min, config.data.f_max = 60.0, 15_000.0
    assert config.frontend.n_fft == length
    build(config.frontend)
