"""The embedder: a reader and an encoder, which gives each window of a recording its features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rfcx_audio.data import AudioReader
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.scoring.blocks import Block, WindowModel, cut_blocks
from rfcx_audio.scoring.windows import WINDOWS_AT_ONCE, SlidingWindows


class Embedder(WindowModel):
    """Recordings to the features of their windows, in blocks of a minute.

    Each window is computed once. The last one reaches to the end of the recording or beyond it,
    where silence follows.

    Args:
        reader: at the encoder's sample rate.
        frontend: the encoder, with the distance between windows and the gain.

    Raises:
        ValueError: the windows are further apart than they are long, so that some of the sound
            would be in none of them; or the reader has another sample rate.
    """

    frontend: EncoderFrontend

    def __init__(self, reader: AudioReader, frontend: EncoderFrontend) -> None:
        window_s = frontend.n_fft / frontend.sample_rate
        if frontend.hop_length > frontend.n_fft:
            raise ValueError(
                f"hop_s = {frontend.hop_s:g} is longer than the encoder's window of "
                f"{window_s:g} s; the sound between the windows would be left out"
            )
        if reader.sample_rate != frontend.sample_rate:
            raise ValueError(
                f"the reader gives {reader.sample_rate} Hz, the encoder takes "
                f"{frontend.sample_rate} Hz"
            )
        windows = SlidingWindows(window_s, overlap=0.0)  # of one frame each
        super().__init__(reader, frontend, windows)

    @property
    def at_once(self) -> int:
        """How many windows a GPU takes in one batch."""
        return WINDOWS_AT_ONCE

    @property
    def fewer_at_once(self) -> str:
        """How a user does with less memory, for an error."""
        return "an encoder of this size needs a GPU with more memory, or a CPU"

    @torch.inference_mode()
    def rows(self, found: Sequence[Block], waveforms: Sequence[Tensor]) -> Tensor:
        """The features of the windows of blocks, see `WindowModel`: (windows, features) float32."""
        return cut_blocks(found, self.frontend, waveforms).flatten(1)

    def finished(self, rows: Tensor) -> Tensor:
        """The same: features are kept as the encoder gives them."""
        return rows

    @torch.inference_mode()
    def forward(self, recording: Path | Tensor) -> Tensor:
        """The features of the windows of one recording.

        Args:
            recording: a file, or a waveform (samples,) at the reader's sample rate.

        Returns:
            (windows, features) float32, on the CPU.

        Raises:
            AudioError: the file cannot be read.
        """
        there = (
            ([one], [self.read(recording, one).to(self.device)]) for one in self.blocks(recording)
        )
        return torch.cat([self.rows(*one).cpu() for one in there])

    def settings(self) -> dict[str, Any]:
        """Everything that features depend on beside the recordings, as plain JSON."""
        return {
            **self.frontend.settings(),
            "window_s": self.windows.duration_s,
            "sample_rate": self.reader.sample_rate,
            "channel": self.reader.channel,
        }
