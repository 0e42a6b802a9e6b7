"""A recogniser as one graph for other runtimes: waveforms in, probabilities out."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional

from rfcx_audio.data import AudioError, probe
from rfcx_audio.frontend import DftLogMel
from rfcx_audio.inference.recogniser import Recogniser
from rfcx_audio.model import ClassBandDetector

Scorer = Callable[[Tensor], Tensor]
"""Waveforms (batch, samples) to probabilities (batch, species)."""

METADATA_FILE = "rfcx_audio.json"
"""The extra file of a `.pt2` that holds the metadata."""

_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_INPUT, _OUTPUT = "waveform", "probabilities"
_RECORDINGS = 12  # to compare on; a window of each fills five waveforms of two windows
_log = logging.getLogger(__name__)


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


def export_graph(
    recogniser: Recogniser,
    path: Path,
    metadata: Mapping[str, Any],
    audio: np.ndarray,
    tolerance: float = 1e-4,
) -> pd.DataFrame:
    """Writes a recogniser as one graph, and leaves it there only if it equals the library.

    It computes the network's own probabilities: no test-time augmentation, and no calibration.

    Args:
        recogniser: on the CPU.
        path: ends in `.onnx`, or in `.pt2` for `torch.export.load`; what is there goes.
        metadata: plain JSON, into the properties of the ONNX model, or `METADATA_FILE`.
        audio: (samples,) float32, see `parity`.
        tolerance: the greatest difference of probabilities that is accepted.

    Returns:
        As `parity`, for the shortest waveforms, windows, and somewhat more than two windows.

    Raises:
        ExportError: a package is missing, no graph can be made of the recogniser, or what was
            written differs from it; then there is no file.
    """
    write = {".onnx": _write_onnx, ".pt2": _write_torch}[path.suffix]
    if path.suffix == ".onnx":
        check_packages()
    path.unlink(missing_ok=True)
    program = trace(recogniser)
    window = recogniser.reader.num_samples(recogniser.windows.duration_s)
    library = WaveformScorer(recogniser.frontend, recogniser.detector)
    with TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        write(program, draft, metadata)
        lengths = (shortest_waveform(recogniser), window, 2 * window + 1)
        table = parity(library, open_graph(draft), audio, lengths)
        worst = table["difference"].to_numpy().max()
        if not worst <= tolerance:  # nor what is no number
            raise ExportError(
                f"{path.name} differs from the library by {worst:.2g} on this audio, more than "
                f"tolerance={tolerance:g}, and is not kept; choose format=artefact"
            )
        draft.replace(path)
    return table


def read_windows(recogniser: Recogniser, paths: Sequence[Path]) -> np.ndarray:
    """Some windows of real audio to compare on, of up to 12 recordings.

    Args:
        recogniser: whose windows and sample rate count.
        paths: of recordings; 12 are chosen evenly, those that cannot be read are left out.

    Returns:
        (samples,) float32, the beginnings of the recordings, one after the other.

    Raises:
        ExportError: none can be read.
    """
    places = np.linspace(0, len(paths) - 1, min(len(paths), _RECORDINGS), dtype=int)
    share_s = recogniser.windows.duration_s * _RECORDINGS / len(places)
    heard, reason = [], "there is none"
    for path in (paths[place] for place in places):
        try:
            length_s = min(share_s, probe(path).duration_s)
            heard.append(recogniser.reader.read(path, duration_s=length_s))
        except AudioError as error:
            reason = f"{path}: {error}"
            _log.warning("left out: %s", reason)
    if not heard:
        raise ExportError(f"no recording can be read to compare on; {reason}")
    return np.concatenate(heard)


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
    scorer = WaveformScorer(DftLogMel(frontend), detector).eval()
    shapes = {_INPUT: {0: Dim("batch"), 1: Dim("samples", min=shortest)}}
    # Two examples: torch makes a graph for one, or for any other number.
    example = torch.zeros(2, window)
    try:
        with torch.no_grad(), _sizes_left_open():
            return torch.export.export(
                scorer,
                (example,),
                dynamic_shapes=shapes,
                # What torch cannot prove of all lengths, it asks of each: that 1 % n is 1, say.
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except RuntimeError as error:
        raise ExportError(f"torch.export cannot make a graph of this model: {error}") from error


def check_packages() -> None:
    """Whether what ONNX needs is installed.

    Raises:
        ExportError: with the extra that brings it.
    """
    missing = [name for name in _ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise ExportError(
            f'format=onnx needs {", ".join(missing)}: pip install "rfcx-audio[export]"'
        )


def open_graph(path: Path) -> Scorer:
    """What an exported file computes, by the runtime that it was made for, on the CPU."""
    if path.suffix == ".onnx":
        import onnxruntime  # noqa: PLC0415 (an optional extra)

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda waveform: torch.from_numpy(
            session.run([_OUTPUT], {_INPUT: waveform.numpy()})[0]
        )
    with warnings.catch_warnings():
        # torch reads the weights into memory that it promises not to write to.
        warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
        return torch.export.load(path).module()


@torch.no_grad()
def parity(
    library: Scorer,
    exported: Scorer,
    audio: np.ndarray,
    lengths: Sequence[int],
    batches: Sequence[int] = (1, 2, 5),
) -> pd.DataFrame:
    """How far two scorers are apart on real audio.

    Args:
        library: what is right.
        exported: what is to be the same.
        audio: (samples,) float32 at their sample rate. It is cut into waveforms one after the
            other, and begins anew where it is too short.
        lengths: of the waveforms, in samples.
        batches: numbers of waveforms.

    Returns:
        `batch`, `samples`, `difference`: the largest of probabilities.

    Raises:
        ExportError: the exported one gives other shapes, or its own checks fail.
    """
    rows = []
    for samples in lengths:
        for batch in batches:
            waveform = torch.from_numpy(np.resize(audio, (batch, samples)))
            expected = library(waveform)
            try:
                found = exported(waveform)
            except RuntimeError as error:
                raise ExportError(
                    f"the exported file fails on waveforms {(batch, samples)}: {error}"
                ) from error
            if found.shape != expected.shape:
                raise ExportError(
                    f"the exported file turns waveforms {(batch, samples)} into "
                    f"{tuple(found.shape)}, expected {tuple(expected.shape)}"
                )
            rows.append((batch, samples, float((found - expected).abs().max())))
    return pd.DataFrame(rows, columns=pd.Index(["batch", "samples", "difference"]))


def _write_torch(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    torch.export.save(program, path, extra_files={METADATA_FILE: json.dumps(dict(metadata))})


def _write_onnx(program: ExportedProgram, path: Path, metadata: Mapping[str, Any]) -> None:
    """Each value of the metadata becomes a property, in JSON.

    Raises:
        ExportError: the model holds what ONNX cannot.
    """
    with warnings.catch_warnings():
        # torch copies its own objects in a way that it calls outdated.
        warnings.filterwarnings("ignore", r".*treespec, LeafSpec", FutureWarning)
        try:
            graph = torch.onnx.export(
                program, input_names=[_INPUT], output_names=[_OUTPUT], verbose=False
            )
        except RuntimeError as error:
            raise ExportError(f"this model cannot be said in ONNX: {error}") from error
    if graph is None:
        raise ExportError("this torch gives no ONNX program; install torch 2.11 or newer")
    graph.model.metadata_props.update({name: json.dumps(value) for name, value in metadata.items()})
    graph.save(path, external_data=False)


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
