"""Whole recordings: cut into windows, scored, and the windows' scores pooled."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.data import window_starts
from rfcx_audio.frontend import LogMel
from rfcx_audio.scores import Pool, check_pool, moving_average

_WINDOWS_AT_ONCE = 32


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
        self.duration_s = duration_s
        self.overlap = overlap
        self.pool: Pool = pool
        self.smooth = smooth
        self.smooth_frames = smooth_frames

    def cut(self, frontend: LogMel, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """The windows of one recording.

        Args:
            frontend: of the recording's sample rate.
            waveform: (1, samples).

        Returns:
            (windows, channels, mels, frames), and (windows,) their starts in s.
        """
        samples = round(self.duration_s * frontend.sample_rate)
        waveform = functional.pad(waveform, (0, max(0, samples - waveform.shape[-1])))
        spectrogram = frontend(waveform)[0]  # (channels, mels, frames)
        frames = frontend.num_frames(samples)
        hop = max(1, round(frames * (1 - self.overlap)))
        starts = window_starts(spectrogram.shape[-1], frames, hop)
        windows = torch.stack([spectrogram[..., start : start + frames] for start in starts])
        starts_s = torch.tensor(starts, device=waveform.device, dtype=torch.float64)
        return windows, starts_s * frontend.hop_length / frontend.sample_rate

    def probabilities(self, detector: nn.Module, windows: Tensor) -> Tensor:
        """The detector's probabilities for each window.

        Args:
            detector: (batch, channels, mels, frames) -> `Logits`.
            windows: (windows, channels, mels, frames).

        Returns:
            (windows, species) float32 in [0, 1].
        """
        chunks = windows.split(_WINDOWS_AT_ONCE)
        return torch.cat([detector(chunk).clip.float().sigmoid() for chunk in chunks])

    def scores(self, detector: nn.Module, windows: Tensor) -> Tensor:
        """The detector's probabilities for each window, smoothed.

        Args:
            detector: (batch, channels, mels, frames) -> `Logits`.
            windows: (windows, channels, mels, frames), all of one recording, in their order.

        Returns:
            (windows, species) float32 in [0, 1].
        """
        return moving_average(self.probabilities(detector, windows), self.smooth)

    def frame_scores(self, detector: nn.Module, windows: Tensor) -> Tensor:
        """The detector's probabilities for each frame of each window, smoothed.

        Args:
            detector: (batch, channels, mels, frames) -> `Logits`.
            windows: (windows, channels, mels, frames).

        Returns:
            (windows, the detector's frames, species) float32 in [0, 1].
        """
        chunks = windows.split(_WINDOWS_AT_ONCE)
        scores = torch.cat([detector(chunk).frame.float().sigmoid() for chunk in chunks])
        return moving_average(scores, self.smooth_frames)
