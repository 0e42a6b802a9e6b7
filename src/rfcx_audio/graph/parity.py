"""Whether an exported file computes what the library computes, on real audio."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.data import AudioError, probe
from rfcx_audio.graph.trace import ExportError
from rfcx_audio.scoring.recogniser import Recogniser

Scorer = Callable[[Tensor], Tensor]
"""Waveforms (batch, samples) to probabilities (batch, species)."""

_RECORDINGS = 12  # a window of each fills five waveforms of two windows
_log = logging.getLogger(__name__)


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
    waveforms, reason = [], "there is none"
    for path in (paths[place] for place in places):
        try:
            length_s = min(share_s, probe(path).duration_s)
            waveforms.append(recogniser.reader.read(path, duration_s=length_s))
        except AudioError as error:
            reason = f"{path}: {error}"
            _log.warning("left out: %s", reason)
    if not waveforms:
        raise ExportError(f"no recording can be read to compare on; {reason}")
    return np.concatenate(waveforms)


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
