"""Log-mel spectrograms, always in float32."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import melscale_fbanks

# Neighbouring filters that are projected together, from their common bins only. Larger blocks
# multiply more zeros, smaller ones make matrices too thin to be fast.
_MELS_PER_BLOCK = 32
# Of a spectrum that a CPU makes in one piece, which then stays in its cache: 2 MiB.
_CELLS_AT_ONCE = 2**18


def mel_filterbank(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min: float,
    f_max: float,
    mel_scale: Literal["htk", "slaney"] = "slaney",
    norm: Literal["none", "slaney"] = "none",
) -> Tensor:
    """Triangular filters, evenly spaced on the mel scale.

    Args:
        sample_rate: Hz.
        n_fft: samples in a Fourier transform; even.
        n_mels: number of filters.
        f_min: Hz, where the lowest filter begins; at least 0.
        f_max: Hz, where the highest filter ends; above `f_min`, at most `sample_rate / 2`.
        mel_scale: `htk` is logarithmic throughout, `slaney` linear below 1 kHz.
        norm: `slaney` divides every triangle by half its width in Hz; `none` gives it height 1.

    Returns:
        (n_freqs, n_mels) float32, at least 0; n_freqs = n_fft / 2 + 1.

    Raises:
        ValueError: if the settings contradict each other, or if a filter holds no frequency bin.

    Source: `torchaudio.functional.melscale_fbanks`, which only warns of empty filters.
    """
    _check_settings(sample_rate, n_fft, n_mels, f_min, f_max)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filters = melscale_fbanks(
            n_freqs=n_fft // 2 + 1,
            f_min=f_min,
            f_max=f_max,
            n_mels=n_mels,
            sample_rate=sample_rate,
            norm=None if norm == "none" else norm,
            mel_scale=mel_scale,
        )
    empty = (filters.amax(0) == 0).nonzero().flatten().tolist()
    if empty:
        raise ValueError(
            f"{len(empty)} of {n_mels} mel filters between {f_min:g} and {f_max:g} Hz hold no "
            f"frequency bin (filters {', '.join(map(str, empty))}, counted from 0): they are "
            f"narrower than the {sample_rate / n_fft:.1f} Hz between two bins; lower n_mels, "
            f"raise n_fft ({n_fft}), or raise f_min"
        )
    return filters


class LogMel(nn.Module):
    """The logarithm of the power in mel bands, as an image with one channel.

    >>> frontend = rfcx_audio.LogMel(sample_rate=48_000, n_mels=64)
    >>> frontend(torch.zeros(2, 48_000)).shape  # one second of two waveforms
    torch.Size([2, 1, 64, 47])

    The power is |X|^2 of a short-time Fourier transform with a periodic Hann window of `n_fft`
    samples, not divided by anything: a sine of amplitude 1 has the power n_fft^2 / 16 in its bin.

    Window and filters follow from the settings, so checkpoints do not hold them. They stay in
    float32 under `half()` and `autocast` too, as the power overflows in 16 bits.

    Args:
        sample_rate: Hz.
        n_fft: samples in a Fourier transform and in its window; even.
        hop_length: samples from one frame to the next.
        n_mels: number of bands.
        f_min: Hz, lower end of the lowest band.
        f_max: Hz, upper end of the highest band, at most `sample_rate / 2`.
        mel_scale: see `mel_filterbank`.
        norm: see `mel_filterbank`.
        center: True puts frame t around sample t * hop_length, with the ends reflected; False
            lets it begin there, without padding.
        scaling: `log` is ln(power + eps), `db` is 10 log10(power + eps), `log1p` is ln(1 + power),
            which is nearly linear for quiet recordings.
        eps: power added before the logarithm, above 0; unused by `log1p`.

    Raises:
        ValueError: see `mel_filterbank`.
    """

    window: Tensor
    filters: Tensor
    channels = 1

    def __init__(
        self,
        sample_rate: int,
        n_fft: int = 2048,
        hop_length: int = 1024,
        n_mels: int = 128,
        f_min: float = 60.0,
        f_max: float = 15000.0,
        mel_scale: Literal["htk", "slaney"] = "slaney",
        norm: Literal["none", "slaney"] = "none",
        center: bool = True,
        scaling: Literal["log1p", "log", "db"] = "log",
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if scaling not in ("log1p", "log", "db"):
            raise ValueError(f"scaling is {scaling!r}; choose log1p, log or db")
        if hop_length < 1 or eps <= 0:
            raise ValueError(f"hop_length ({hop_length}) must be at least 1, eps ({eps:g}) above 0")
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.n_mels = n_mels
        self.f_min = f_min
        self.f_max = f_max
        self.mel_scale: Literal["htk", "slaney"] = mel_scale
        self.norm: Literal["none", "slaney"] = norm
        self.center = center
        self.scaling = scaling
        self.eps = eps
        ends = torch.tensor([f_min, f_max], dtype=torch.float64)
        self._mel_range: tuple[float, float] = tuple(_mels(ends, mel_scale).tolist())
        filters = self._filters()
        self._blocks = _blocks(filters)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", self._window(), persistent=False)

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_length / self.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """The exact number of frames that a waveform gives.

        Args:
            num_samples: length of the waveform.

        Raises:
            ValueError: if the waveform is too short for one frame.
        """
        shortest = self.n_fft // 2 + 1 if self.center else self.n_fft
        if num_samples < shortest:
            raise ValueError(
                f"a waveform of {num_samples} samples is too short for n_fft={self.n_fft}, "
                f"center={self.center}: pad it to at least {shortest} samples "
                f"({shortest / self.sample_rate:.3f} s), or lower n_fft"
            )
        return 1 + (num_samples - (0 if self.center else self.n_fft)) // self.hop_length

    def band_of(self, frequencies_hz: Sequence[float]) -> list[float]:
        """Where frequencies lie on the mel axis of the spectrogram.

        Args:
            frequencies_hz: Hz, at least 0.

        Returns:
            For each a place in [0, n_mels], where band i reaches from i to i + 1 and is centred at
            i + 0.5; frequencies outside `f_min` to `f_max` come to lie at the ends.
        """
        return self.bands_of(torch.tensor(frequencies_hz, dtype=torch.float64)).tolist()

    def bands_of(self, frequencies_hz: Tensor) -> Tensor:
        """`band_of` for a tensor of any shape."""
        low, high = self._mel_range
        step = (high - low) / (self.n_mels + 1)  # from one centre to the next
        place = (_mels(frequencies_hz, self.mel_scale) - low) / step - 0.5
        return place.clamp(0.0, float(self.n_mels))

    def forward(self, waveform: Tensor) -> Tensor:
        """The log-mel spectrogram of each waveform.

        Args:
            waveform: (batch, samples) of any floating type, in about [-1, 1].

        Returns:
            (batch, 1, mels, frames) float32; an empty batch stays empty.

        Raises:
            ValueError: if the waveform has another shape, holds integers, or is too short.
        """
        num_frames = self._checked_num_frames(waveform)
        if len(waveform) == 0:  # which torch.stft refuses
            return torch.zeros(0, self.channels, self.n_mels, num_frames, device=waveform.device)
        with torch.autocast(waveform.device.type, enabled=False):
            if waveform.device.type == "cpu":
                frames = max(1, _CELLS_AT_ONCE // (self.n_fft // 2 + 1))
            else:
                frames = num_frames * len(waveform)
            some = waveform.float().split(max(1, frames // num_frames))
            mel = torch.cat([self._mel(part, frames) for part in some])
            return self.image(mel)  # (batch, channels, mels, frames)

    def _mel(self, waveform: Tensor, frames: int) -> Tensor:
        """(batch, samples) -> (batch, mels, frames), computed so many frames at a time."""
        if self.center:
            waveform = functional.pad(waveform, (self.n_fft // 2,) * 2, mode="reflect")
        starts = range(0, waveform.shape[1] - self.n_fft + 1, frames * self.hop_length)
        length = (frames - 1) * self.hop_length + self.n_fft
        parts = [self._mel_of_frames(waveform[:, start : start + length]) for start in starts]
        return torch.cat(parts, dim=2)

    def _mel_of_frames(self, padded: Tensor) -> Tensor:
        """(batch, samples) -> the power in mel bands of the whole frames in it."""
        spectrum = torch.stft(
            padded,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            window=self.window,
            center=False,
            return_complex=True,
        )[:, : self._blocks[-1][1].stop]  # (batch, freqs up to f_max, frames)
        power = torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)
        parts = [self.filters[bins, mels].T @ power[:, bins] for mels, bins in self._blocks]
        return torch.cat(parts, dim=1)

    def image(self, mel: Tensor) -> Tensor:
        """The power in mel bands (batch, mels, frames) as (batch, channels, mels, frames)."""
        return self.level(mel).unsqueeze(1)

    def level(self, mel: Tensor) -> Tensor:
        """The logarithm of the power in mel bands, as `scaling` has it."""
        if self.scaling == "log1p":
            return mel.log1p()
        if self.scaling == "db":
            return 10 * (mel + self.eps).log10()
        return (mel + self.eps).log()

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return (
            f"{self.sample_rate} Hz, n_fft={self.n_fft}, hop_length={self.hop_length}, "
            f"n_mels={self.n_mels}, {self.f_min:g}-{self.f_max:g} Hz, "
            f"mel_scale={self.mel_scale}, norm={self.norm}, center={self.center}, "
            f"scaling={self.scaling}" + ("" if self.scaling == "log1p" else f", eps={self.eps:g}")
        )

    def _filters(self) -> Tensor:
        return mel_filterbank(
            self.sample_rate,
            self.n_fft,
            self.n_mels,
            self.f_min,
            self.f_max,
            self.mel_scale,
            self.norm,
        )

    def _window(self) -> Tensor:
        return torch.hann_window(self.n_fft, periodic=True, dtype=torch.float32)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:  # noqa: ANN401
        # `half()` on a whole model arrives here too: follow to the device, but not to the dtype.
        super()._apply(fn, recurse)
        if self.window.dtype != torch.float32:
            device = self.window.device
            self.filters, self.window = self._filters().to(device), self._window().to(device)
        return self

    def _checked_num_frames(self, waveform: Tensor) -> int:
        if waveform.ndim != 2:
            raise ValueError(f"expected waveform (batch, samples), got {tuple(waveform.shape)}")
        if not waveform.is_floating_point():
            raise ValueError(
                f"expected a waveform in about [-1, 1], got {waveform.dtype}; "
                "divide integers by their full scale"
            )
        return self.num_frames(waveform.shape[1])


def _check_settings(sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float) -> None:
    if n_fft < 2 or n_fft % 2 or n_mels < 1:
        raise ValueError(f"n_fft ({n_fft}) must be even and above 0, n_mels ({n_mels}) at least 1")
    if f_max > sample_rate / 2:
        raise ValueError(
            f"f_max ({f_max:g} Hz) lies above half the sample rate ({sample_rate / 2:g} Hz), where "
            "there is no sound; lower f_max, or raise sample_rate if the recordings allow it"
        )
    if not 0 <= f_min < f_max:
        raise ValueError(f"f_min ({f_min:g} Hz) must lie between 0 and f_max ({f_max:g} Hz)")


def _mels(hz: Tensor, mel_scale: Literal["htk", "slaney"]) -> Tensor:
    """The mel scale that the filters are evenly spaced on; torchaudio's own is private."""
    if mel_scale == "htk":
        return 2595 * (1 + hz / 700).log10()
    linear = 3 * hz.clamp(max=1000) / 200
    return linear + 27 * (hz.clamp(min=1000) / 1000).log() / math.log(6.4)


def _blocks(filters: Tensor) -> list[tuple[slice, slice]]:
    """Runs of filters, each with the run of bins in which any of them is above zero."""
    blocks: list[tuple[slice, slice]] = []
    for start in range(0, filters.shape[1], _MELS_PER_BLOCK):
        mels = slice(start, min(start + _MELS_PER_BLOCK, filters.shape[1]))
        bins = filters[:, mels].sum(1).nonzero().flatten()
        blocks.append((mels, slice(int(bins[0]), int(bins[-1]) + 1)))
    return blocks
