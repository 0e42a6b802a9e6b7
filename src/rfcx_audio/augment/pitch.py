"""Pitch shift."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.transforms import Resample

from rfcx_audio.augment.chain import chosen
from rfcx_audio.batch import CropLabels

_N_FFT, _HOP = 2048, 512
_TURN = 2**32  # a turn of a phase, in whole numbers
_DENOMINATOR = 64  # of the ratio of frequencies: within 1.5 cents, and a short resampling kernel


def shift_pitch(waveform: Tensor, semitones: int) -> Tensor:
    """A waveform with all its frequencies raised by some semitones, at the same length.

    The phase vocoder stretches it in time, and a resampling makes it as long as before. A vocoder
    loses level where the phases of neighbouring bins drift apart, so the root mean square of each
    example is restored.

    Args:
        waveform: (batch, samples).
        semitones: negative lowers it.

    Source: `torchaudio.functional.pitch_shift`, whose resampling takes the exact ratio and with it
    a kernel so long that 6 s at 48 kHz take seconds.
    """
    ratio = Fraction(2 ** (semitones / 12)).limit_denominator(_DENOMINATOR)
    window = torch.hann_window(_N_FFT, device=waveform.device)
    spectrum = torch.stft(waveform, _N_FFT, _HOP, window=window, return_complex=True)
    samples = waveform.shape[1]
    longer = overlap_added(stretched(spectrum, ratio), window, math.ceil(samples * ratio))
    shifted = _resampler(ratio, waveform.device)(longer)[:, :samples]
    before, after = (x.square().mean(1, keepdim=True).sqrt() for x in (waveform, shifted))
    return shifted * before / after.clamp(min=1e-10)


@lru_cache(maxsize=64)
def _resampler(ratio: Fraction, device: torch.device) -> Resample:
    """Its kernel is made on the host: once, for a copy at each step would wait for the device."""
    with torch.inference_mode(mode=False):
        return Resample(ratio.numerator, ratio.denominator).to(device)


def stretched(spectrum: Tensor, ratio: Fraction) -> Tensor:
    """A spectrum with so many times the frames, whose phases advance from frame to frame as before.

    Phases are added up as whole numbers of 2^-32 turns: exactly, and unlike sums of floating-point
    numbers in a deterministic order on CUDA.

    Args:
        spectrum: (batch, bins, frames) complex, of frames that are a quarter of their length apart.
        ratio: above 0.

    Source: `torchaudio.functional.phase_vocoder`, Flanagan and Golden (1966).
    """
    frames, device = spectrum.shape[2], spectrum.device
    number = -(-frames * ratio.numerator // ratio.denominator)
    place = torch.arange(number, device=device) * ratio.denominator  # in parts of the numerator
    first = place // ratio.numerator
    share = (place % ratio.numerator) / ratio.numerator
    padded = functional.pad(torch.view_as_real(spectrum), (0, 0, 0, 2))
    padded = torch.view_as_complex(padded)
    before, after = padded.index_select(2, first), padded.index_select(2, first + 1)
    turns = (after.angle() - before.angle()) / (2 * math.pi)
    # Bin k turns k hops / n_fft times from frame to frame, and what is measured beyond that.
    expected = torch.arange(spectrum.shape[1], device=device)[:, None] * (_TURN * _HOP // _N_FFT)
    beyond = turns - expected / _TURN
    steps = expected + ((beyond - beyond.round()) * _TURN).long()
    begin = (spectrum[..., :1].angle() / (2 * math.pi) * _TURN).long()
    phase = torch.cat([begin, steps[..., :-1]], dim=2).cumsum(2) % _TURN
    level = share * after.abs() + (1 - share) * before.abs()
    return torch.polar(level, (phase.double() / _TURN * 2 * math.pi).to(level.dtype))


def overlap_added(spectrum: Tensor, window: Tensor, samples: int) -> Tensor:
    """The waveform of a spectrum whose frames are a quarter of their length apart.

    As `torch.istft`, which waits for the device to look for gaps between the frames.

    Args:
        spectrum: (batch, bins, frames) complex, of centred frames.
        window: (n_fft,).
        samples: of the result; zeros where the frames end earlier.

    Returns:
        (batch, samples)
    """
    frames = torch.fft.irfft(spectrum, n=len(window), dim=1) * window[:, None]
    weight = window.square()[None, :, None].expand(1, -1, frames.shape[2])
    signal, sums = (_overlapped(part) for part in (frames, weight))
    half = len(window) // 2
    signal = (signal / sums.clamp(min=1e-11))[:, half : half + samples]
    return functional.pad(signal, (0, samples - signal.shape[1]))


def _overlapped(frames: Tensor) -> Tensor:
    """(batch, n_fft, frames) -> (batch, samples), each frame a hop behind the last."""
    hops = frames.unflatten(1, (_N_FFT // _HOP, _HOP)).unbind(1)  # (batch, hop, frames) each
    last = len(hops) - 1
    total = sum(functional.pad(hop, (k, last - k)) for k, hop in enumerate(hops))
    return torch.as_tensor(total).transpose(1, 2).flatten(1)


class PitchShift:
    """Raises or lowers a crop by whole semitones, at the same length.

    The dearest of the augmentations: 35 to 50 ms for each shifted crop of 6 s at 48 kHz on one CPU
    core, over twenty times its log-mel spectrogram. Examples of one step are shifted together.

    Args:
        max_semitones: at least 1; steps are drawn evenly from both sides, 0 left out. More than one
            or two carry a call out of its species' band.
        probability: that an example is changed.

    Raises:
        ValueError: `max_semitones` is below 1.
    """

    def __init__(self, max_semitones: int = 1, probability: float = 0.25) -> None:
        if max_semitones < 1:
            raise ValueError(f"max_semitones = {max_semitones}; at least 1 is needed")
        self.max_semitones = max_semitones
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same; boxes move in frequency, labels stay as they are."""
        widest, size = self.max_semitones, (len(signal),)
        distance = torch.randint(1, widest + 1, size, device=signal.device, generator=generator)
        up = chosen(0.5, signal, generator)
        which = chosen(self.probability, signal, generator)
        steps = torch.where(up, distance, -distance) * which  # (batch,)
        shifted = signal.clone()
        for step in [s for s in range(-widest, widest + 1) if s]:
            group = steps == step
            if signal.device.type != "cpu":
                # To shift all of them takes less time than to wait for how many they are.
                shifted = torch.where(group[:, None], shift_pitch(signal, step), shifted)
            elif group.any():
                shifted[group] = shift_pitch(signal[group], step)
        factor = torch.pow(2.0, steps / 12)[:, None]
        boxes = labels.boxes
        moved = boxes._replace(f_min=boxes.f_min * factor, f_max=boxes.f_max * factor)
        return shifted, labels._replace(boxes=moved)
