"""The log-mel spectrogram with convolutions in place of the FFT, for runtimes that have none."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.frontend.mel import LogMel


def dft_kernels(window: Tensor, num_freqs: int) -> Tensor:
    """The lowest frequencies of a windowed Fourier transform, as kernels of a convolution.

    Args:
        window: (n_fft,).
        num_freqs: at most n_fft / 2 + 1.

    Returns:
        (2 * num_freqs, 1, n_fft) float32: all cosines, then all sines.
    """
    n_fft = len(window)
    samples = torch.arange(n_fft, device=window.device)
    # Whole turns are taken away as integers: a large angle would lose the digits that matter.
    turns = (torch.arange(num_freqs, device=window.device)[:, None] * samples) % n_fft
    angles = turns.double() * (2 * torch.pi / n_fft)
    kernels = torch.cat([angles.cos(), -angles.sin()]) * window.double()
    return kernels.float().unsqueeze(1)


class DftLogMel(nn.Module):
    """The same spectrogram as a `LogMel`, by convolution.

    It is slower than an FFT, and is there because ONNX Runtime has none on the GPU. Both round in
    float32: noise comes out equal to about 1e-5, the empty bands beside a pure tone, far below its
    own rounding, to a few hundredths.

    Args:
        frontend: whose settings, filters and window it takes; it stays as it is.
    """

    kernels: Tensor
    filters: Tensor

    def __init__(self, frontend: LogMel) -> None:
        super().__init__()
        self.padding = frontend.n_fft // 2 if frontend.center else 0
        self.hop_length = frontend.hop_length
        # Not the module, whose own window and filters an exported file would carry unused.
        self._image = frontend.image
        bins = int(frontend.filters.sum(1).nonzero().max()) + 1  # up to f_max
        self.register_buffer("kernels", dft_kernels(frontend.window, bins), persistent=False)
        self.register_buffer("filters", frontend.filters[:bins].T.contiguous(), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """(batch, samples) -> (batch, channels, mels, frames) float32."""
        signal = waveform.unsqueeze(1)  # (batch, 1, samples)
        if self.padding:
            signal = functional.pad(signal, (self.padding, self.padding), mode="reflect")
        spectrum = functional.conv1d(signal, self.kernels, stride=self.hop_length)
        real, imaginary = spectrum.chunk(2, dim=1)  # (batch, freqs up to f_max, frames)
        power = real.square() + imaginary.square()
        return self._image(self.filters @ power)  # (batch, channels, mels, frames)
