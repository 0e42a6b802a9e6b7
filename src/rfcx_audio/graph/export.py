"""A recogniser as a file for other runtimes: waveforms in, probabilities out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.export import ExportedProgram

from rfcx_audio.graph.parity import Scorer, parity
from rfcx_audio.graph.trace import (
    INPUT,
    ExportError,
    WaveformScorer,
    shortest_waveform,
    trace,
)
from rfcx_audio.scoring.recogniser import Recogniser

METADATA_FILE = "rfcx_audio.json"
"""The extra file of a `.pt2` that holds the metadata."""

_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_OUTPUT = "probabilities"


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
            session.run([_OUTPUT], {INPUT: waveform.numpy()})[0]
        )
    with warnings.catch_warnings():
        # torch reads the weights into memory that it promises not to write to.
        warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
        return torch.export.load(path).module()


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
                program, input_names=[INPUT], output_names=[_OUTPUT], verbose=False
            )
        except RuntimeError as error:
            raise ExportError(f"this model cannot be expressed in ONNX: {error}") from error
    if graph is None:
        raise ExportError("this torch gives no ONNX program; install torch 2.11 or newer")
    graph.model.metadata_props.update({name: json.dumps(value) for name, value in metadata.items()})
    graph.save(path, external_data=False)
