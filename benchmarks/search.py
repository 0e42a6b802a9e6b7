"""A search through a million stored windows, compared with the least that any must do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch

from benchmarks.timing import Row, rows_of, timed_in_turn
from rfcx_audio.scoring.nearest import nearest, similarities

_WIDTH = 1_024
_DRAWN = 2**14  # windows that are drawn; the file repeats them
_MULTIPLIED = 2**12  # windows at once, of the plain product


def search_rows(repeats: int, windows: int = 1_000_000) -> list[Row]:
    """The 50 nearest of many windows with 1 024 features in float16, which are mapped from a file.

    The reference converts the same rows to float32 and multiplies them, without norms and without
    a choice.

    Args:
        repeats: number of times.
        windows: in the file, 2 KB each.
    """
    draw = np.random.default_rng(0)
    query = torch.from_numpy(draw.normal(size=(1, _WIDTH)).astype(np.float32))
    keys = pd.DataFrame({"recording_id": "a", "t_min": 1.5 * np.arange(windows)})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        _write(path, windows, draw.normal(size=(_DRAWN, _WIDTH)).astype(np.float16))
        features = np.load(path, mmap_mode="r")
        ours = f"{windows:,} windows".replace(",", " ")
        calls: dict[str, Callable[[], object]] = {
            ours: lambda: nearest(keys, similarities(features, query), 50, 3.0),
            "plain product": lambda: _product(features, query),
        }
        times = timed_in_turn(calls, repeats)
    return rows_of("search by example", ours, times, {"plain product": 1.5})


def _product(features: np.ndarray, query: torch.Tensor) -> None:
    for first in range(0, len(features), _MULTIPLIED):
        part = np.array(features[first : first + _MULTIPLIED])
        torch.from_numpy(part).float() @ query.T


def _write(path: Path, windows: int, drawn: np.ndarray) -> None:
    header = {"descr": drawn.dtype.str, "fortran_order": False, "shape": (windows, _WIDTH)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, windows, len(drawn)):
            file.write(drawn[: windows - first].data)
