from __future__ import annotations

import pytest

from rfcx_audio.rates import at_rate, fft_length


@pytest.mark.parametrize(
    ("rate", "hop", "length"),
    [
        (48_000, 1024, 2048),
        (16_000, 341, 1024),
        (32_000, 683, 2048),
        (22_050, 470, 1024),
        (384_000, 1024, 2048),  # ultrasound keeps its finer times
        (None, None, None),
    ],
)
def test_samples_last_as_long_at_lower_rates(rate, hop, length) -> None:
    assert at_rate(1024, rate) == hop
    assert fft_length(2048, rate) == length
