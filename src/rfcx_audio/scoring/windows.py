"""Whole recordings: cut into windows, scored, and the windows' scores pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.data import window_starts
from rfcx_audio.scores import Pool, by_recording, check_pool, moving_average

PIXELS_AT_ONCE = 2**24
"""Mels x frames x windows in one batch on a GPU: about 230 windows of 6 s with 128 mels."""

WINDOWS_AT_ONCE = 32
"""Windows in one batch on a CPU, where more only take memory, and in a `Block`."""


class ImageFrontend(Protocol):
    """What makes an image of a waveform: a spectrogram, or an encoder's features by time."""

    sample_rate: int
    n_fft: int
    hop_length: int

    @property
    def n_mels(self) -> int:
        """Height of the image."""
        ...

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        ...

    def num_frames(self, num_samples: int, /) -> int:
        """The exact number of frames that a waveform gives."""
        ...

    def __call__(self, waveform: Tensor, /) -> Tensor:
        """(batch, samples) -> (batch, channels, mels, frames)."""
        ...


def cut_at(spectrogram: Tensor, starts: Sequence[int], frames: int) -> Tensor:
    """Windows of spectrograms, copied once.

    Args:
        spectrogram: (batch, channels, mels, frames).
        starts: first frame of each window; evenly spaced but for the last, as those of
            `window_starts`.
        frames: of a window.

    Returns:
        (batch, windows, channels, mels, frames), contiguous.
    """
    batch, channels, mels, _ = spectrogram.shape
    windows = spectrogram.new_empty(batch, len(starts), channels, mels, frames)
    hop = starts[1] - starts[0] if len(starts) > 1 else 1
    even = len(starts)
    if even > 1 and starts[-1] - starts[-2] != hop:
        even -= 1
        windows[:, -1].copy_(spectrogram[..., starts[-1] : starts[-1] + frames])
    slices = spectrogram[..., starts[0] :].unfold(-1, frames, hop)[..., :even, :]
    windows[:, :even].copy_(slices.movedim(-2, 1))
    return windows


def seconds(starts: Sequence[int], frontend: ImageFrontend) -> Tensor:
    """First frames of windows in s: (windows,) float64, on the CPU."""
    return torch.tensor(starts, dtype=torch.float64) * frontend.hop_length / frontend.sample_rate


class SlidingWindows:
    """Cuts a recording's spectrogram into windows; the last one is flush with the end.

    The spectrogram of a recording is computed once and shared by its windows. A recording shorter
    than a window is padded with silence.

    Args:
        duration_s: of a window.
        overlap: share of a window that the next one repeats, in [0, 1).
        pool: how the windows' scores become the recording's, see `pool_windows`.
        smooth: windows in the moving average that the scores of windows go through, in their order
            in time; odd, 1 for none.
        smooth_frames: frames in that of the scores of frames, within their window.
        pixels_at_once: mels x frames x windows in one batch on a GPU. In float32 the scores depend
            on it by 1e-5 at most. A CPU takes 32 windows, whatever is set here.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        duration_s: float,
        overlap: float = 0.5,
        pool: Pool = "max",
        smooth: int = 1,
        smooth_frames: int = 1,
        pixels_at_once: int = PIXELS_AT_ONCE,
    ) -> None:
        if duration_s <= 0:
            raise ValueError(f"duration_s = {duration_s}; a window must last longer than 0 s")
        if not 0 <= overlap < 1:
            raise ValueError(f"overlap = {overlap} lies outside [0, 1[")
        check_pool(pool)
        for name, width in (("smooth", smooth), ("smooth_frames", smooth_frames)):
            if width < 1 or width % 2 == 0:
                raise ValueError(
                    f"{name} = {width} has no middle; choose an odd number, 1 for no smoothing"
                )
        if pixels_at_once < 1:
            raise ValueError(f"pixels_at_once = {pixels_at_once}; expected at least 1")
        self.duration_s = duration_s
        self.overlap = overlap
        self.pool: Pool = pool
        self.smooth = smooth
        self.smooth_frames = smooth_frames
        self.pixels_at_once = pixels_at_once

    def num_frames(self, frontend: ImageFrontend) -> int:
        """The length of a window, as its spectrogram."""
        return frontend.num_frames(self._num_samples(frontend))

    def hop(self, frontend: ImageFrontend) -> int:
        """Frames from one window to the next."""
        return max(1, round(self.num_frames(frontend) * (1 - self.overlap)))

    def starts(self, frontend: ImageFrontend, num_samples: int) -> list[int]:
        """The first frames of a recording's windows, in its spectrogram.

        Args:
            frontend: of the recording's sample rate.
            num_samples: of the recording.
        """
        total = frontend.num_frames(max(num_samples, self._num_samples(frontend)))
        return window_starts(total, self.num_frames(frontend), self.hop(frontend))

    def starts_s(self, frontend: ImageFrontend, num_samples: int) -> Tensor:
        """The same in s: (windows,) float64, on the CPU."""
        return seconds(self.starts(frontend, num_samples), frontend)

    def at_once(self, frontend: ImageFrontend) -> int:
        """How many windows `pixels_at_once` are; at least 1."""
        return max(1, self.pixels_at_once // (frontend.n_mels * self.num_frames(frontend)))

    def cut(self, frontend: ImageFrontend, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """The windows of one recording.

        Args:
            frontend: of the recording's sample rate.
            waveform: (1, samples).

        Returns:
            (windows, channels, mels, frames), and (windows,) their starts in s.
        """
        starts_s = self.starts_s(frontend, waveform.shape[-1]).to(waveform.device)
        return self.cut_windows(frontend, waveform), starts_s

    def cut_windows(self, frontend: ImageFrontend, waveform: Tensor) -> Tensor:
        """The windows of recordings of one length, one recording after the other.

        Args:
            frontend: of the recordings' sample rate.
            waveform: (recordings, samples).

        Returns:
            (recordings * windows, channels, mels, frames)
        """
        starts = self.starts(frontend, waveform.shape[-1])
        short = max(0, self._num_samples(frontend) - waveform.shape[-1])
        spectrogram = frontend(functional.pad(waveform, (0, short)) if short else waveform)
        return cut_at(spectrogram, starts, self.num_frames(frontend)).flatten(0, 1)

    def probabilities(self, detector: nn.Module, windows: Tensor) -> Tensor:
        """The detector's probabilities for each window.

        Args:
            detector: (batch, channels, mels, frames) -> `Logits`.
            windows: (windows, channels, mels, frames).

        Returns:
            (windows, species) float32 in [0, 1].
        """
        chunks = windows.split(self._windows_at_once(windows))
        return torch.cat([detector(chunk).clip.float().sigmoid() for chunk in chunks])

    def scores(
        self, detector: nn.Module, windows: Tensor, counts: Sequence[int] | None = None
    ) -> Tensor:
        """The detector's probabilities for each window, smoothed.

        Args:
            detector: (batch, channels, mels, frames) -> `Logits`.
            windows: (windows, channels, mels, frames), in their order, one recording after the
                other.
            counts: windows of each recording; None: all are of one.

        Returns:
            (windows, species) float32 in [0, 1].
        """
        scores = self.probabilities(detector, windows)
        parts = by_recording(scores, [len(scores)] if counts is None else counts)
        return torch.cat([moving_average(part, self.smooth).flatten(0, 1) for part in parts])

    def clip_and_frames(self, detector: nn.Module, windows: Tensor) -> tuple[Tensor, Tensor]:
        """The detector's probabilities for each window, and for its frames, which are smoothed.

        Args:
            detector: (batch, channels, mels, frames) -> `Logits`.
            windows: (windows, channels, mels, frames).

        Returns:
            (windows, species) and (windows, the detector's frames, species) float32 in [0, 1].
        """
        logits = [detector(chunk) for chunk in windows.split(self._windows_at_once(windows))]
        clips = torch.cat([one.clip.float().sigmoid() for one in logits])
        frames = torch.cat([one.frame.float().sigmoid() for one in logits])
        return clips, moving_average(frames, self.smooth_frames)

    def _num_samples(self, frontend: ImageFrontend) -> int:
        return round(self.duration_s * frontend.sample_rate)

    def _windows_at_once(self, windows: Tensor) -> int:
        if windows.device.type == "cpu":
            return WINDOWS_AT_ONCE
        return max(1, self.pixels_at_once // windows.shape[-2:].numel())
