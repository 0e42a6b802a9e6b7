from __future__ import annotations

import numpy as np
import pytest
import torch

from rfcx_audio.frontend import DeltaLogMel, DftLogMel, LogMel
from rfcx_audio.frontend.dft import dft_kernels

SETTINGS = {"sample_rate": 16_000, "n_fft": 512, "hop_length": 160, "n_mels": 32, "f_max": 7000.0}


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_kernels_are_the_rows_of_a_windowed_fourier_transform() -> None:
    window = torch.hann_window(64)
    waveform = noise(64)
    cosines, sines = dft_kernels(window, 20)[:, 0].double().chunk(2)
    expected = np.fft.rfft((waveform * window).double().numpy())[:20]
    np.testing.assert_allclose(cosines @ waveform.double(), expected.real, atol=1e-6)
    np.testing.assert_allclose(sines @ waveform.double(), expected.imag, atol=1e-6)


@pytest.mark.parametrize("kind", [LogMel, DeltaLogMel])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scaling", ["log", "db", "log1p"])
def test_it_equals_the_front_end_with_the_fft(
    kind: type[LogMel], center: bool, scaling: str
) -> None:
    frontend = kind(**SETTINGS, center=center, scaling=scaling)  # type: ignore[arg-type]
    for samples in (600, 8000, 8123):
        waveform = noise(3, samples)
        torch.testing.assert_close(
            DftLogMel(frontend)(waveform), frontend(waveform), atol=2e-4, rtol=1e-5
        )


def test_its_error_is_that_of_float32() -> None:
    frontend = LogMel(48_000)
    error = DftLogMel(frontend)(noise(2, 48_000)) - frontend(noise(2, 48_000))
    assert error.abs().max() < 3e-5


def test_it_carries_nothing_of_the_front_end_but_its_kernels_and_filters() -> None:
    twin = DftLogMel(LogMel(**SETTINGS))  # type: ignore[arg-type]
    assert {name for name, _ in twin.named_buffers()} == {"kernels", "filters"}
    assert not twin.state_dict()
