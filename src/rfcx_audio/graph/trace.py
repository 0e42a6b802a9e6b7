"""One graph of a recogniser for batches and lengths of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, cast
from unittest import mock

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional

from rfcx_audio.frontend import DftLogMel, LogMel
from rfcx_audio.model import ClassBandDetector
from rfcx_audio.scoring.recogniser import Recogniser

INPUT = "waveform"


class ExportError(ValueError):
    """A recogniser that cannot be exported, and why."""


class WaveformScorer(nn.Module):
    """Waveforms to the probabilities of the detector; each waveform is one window.

    Args:
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        detector: (batch, channels, mels, frames) -> `Logits`.
    """

    def __init__(self, frontend: nn.Module, detector: nn.Module) -> None:
        super().__init__()
        self.frontend = frontend
        self.detector = detector

    def forward(self, waveform: Tensor) -> Tensor:
        """(batch, samples) -> (batch, species) in [0, 1]."""
        return self.detector(self.frontend(waveform)).clip.float().sigmoid()


def shortest_waveform(recogniser: Recogniser) -> int:
    """The least number of samples that a graph accepts.

    It leaves two columns of features: torch makes a graph for one, or for any other number.
    """
    frontend, reduction = recogniser.frontend, int(getattr(recogniser.detector, "reduction", 1))
    hops = (2 * reduction - 1) * frontend.hop_length
    if frontend.center:
        return max(hops, frontend.n_fft // 2 + 1)
    return hops + frontend.n_fft


def trace(recogniser: Recogniser) -> ExportedProgram:
    """The graph of a recogniser, for batches and lengths of any size.

    Args:
        recogniser: on the CPU.

    Raises:
        ExportError: its window is too short, or torch cannot make one graph of it.
    """
    frontend, detector = recogniser.frontend, recogniser.detector
    if any(isinstance(module, ClassBandDetector) for module in detector.modules()):
        raise ExportError(
            "a ClassBandDetector (model=class_bands_crop or class_bands_mask) takes as many steps "
            "as its classes have places in a waveform and pictures in a batch, which no graph for "
            "any length can hold; choose format=artefact, or export another model"
        )
    shortest = shortest_waveform(recogniser)
    window = recogniser.reader.num_samples(recogniser.windows.duration_s)
    if window < shortest:
        raise ExportError(
            f"the windows of {recogniser.windows.duration_s:g} s are too short for a graph: this "
            f"model needs {shortest / frontend.sample_rate:.2f} s, twice what encoder and head "
            "shrink to nothing; choose format=artefact, or a model that shrinks the frames less"
        )
    # torch.export saves no weights in channels_last.
    plain = deepcopy(detector).to(memory_format=torch.contiguous_format)
    scorer = WaveformScorer(DftLogMel(cast(LogMel, frontend)), plain).eval()
    shapes = {INPUT: {0: Dim("batch"), 1: Dim("samples", min=shortest)}}
    # Two examples: torch makes a graph for one, or for any other number.
    example = torch.zeros(2, window)
    try:
        with torch.no_grad(), _sizes_left_open():
            return torch.export.export(
                scorer,
                (example,),
                dynamic_shapes=shapes,
                # What torch cannot prove for all lengths, such as 1 % n == 1, it checks for each.
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except RuntimeError as error:
        raise ExportError(f"torch.export cannot make a graph of this model: {error}") from error


@contextmanager
def _sizes_left_open() -> Iterator[None]:
    """Tracing in which the pools of torch do not tie a graph to the length of its example.

    They would in two ways. The size of a pool's output is computed with a division as in C, which
    asks whether there is a rest, and the answer is held against every other length
    (pytorch/pytorch#124507); sizes are never negative, and need none of that. And `max_pool1d`
    looks at its input's size as a number, where `max_pool2d`, of the same values, does not.
    """

    def output_size(
        size: Any,  # noqa: ANN401 (a symbol)
        kernel: int,
        before: int,
        after: int,
        stride: int,
        dilation: int,
        ceil_mode: bool,
    ) -> Any:  # noqa: ANN401
        reach = dilation * (kernel - 1)
        found = (size + before + after - reach - 1 + (stride - 1 if ceil_mode else 0)) // stride + 1
        # Only so can the last place lie behind the input, where torch leaves it out.
        if ceil_mode and reach <= after + stride - 2 and (found - 1) * stride >= size + before:
            return found - 1
        return found

    def max_pool1d(
        signal: Tensor, kernel: int, stride: int | None = None, padding: int = 0
    ) -> Tensor:
        step = stride or kernel
        return functional.max_pool2d(signal, (1, kernel), (1, step), (0, padding))

    sizes = "torch._meta_registrations.pooling_output_shape_pad_lr"
    with mock.patch(sizes, output_size), mock.patch.object(functional, "max_pool1d", max_pool1d):
        yield
