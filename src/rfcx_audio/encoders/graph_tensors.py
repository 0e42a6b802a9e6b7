"""Tensors of a graph: which has the features, and how windows go in and features come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from rfcx_audio.encoders.contract import EncoderFileError, FeatureEncoder

_LISTED = 30  # names in an error


def only_output(names: Sequence[str], path: Path) -> list[str]:
    """The output of a graph that has one.

    Raises:
        EncoderFileError: it has several.
    """
    if len(names) > 1:
        raise EncoderFileError(
            f"{path} has the outputs {', '.join(names)}; name that of the features by "
            "model.encoder.output=…"
        )
    return list(names)


def find_tensor(wanted: str, names: Iterable[str], path: Path) -> str:
    """The one name that is wanted, or ends with it.

    Raises:
        EncoderFileError: there is none, or there are several.
    """
    names = list(names)
    found = [name for name in names if name == wanted] or [
        name for name in names if name.endswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    listed = found or names
    more = f" and {len(listed) - _LISTED} others" if len(listed) > _LISTED else ""
    what = f"{len(found)} tensors whose names end" if found else "no tensor whose name ends"
    raise EncoderFileError(
        f"{path} has {what} with {wanted!r}; name one by model.encoder.output=…: "
        f"{', '.join(listed[-_LISTED:])}{more}"
    )


def input_shape(stated: Sequence[object], encoder: FeatureEncoder, path: Path) -> tuple[int, ...]:
    """The shape of a batch as it goes into a graph; its first size is the windows at once.

    Args:
        stated: by the graph: numbers where it is fixed, anything else where it is not.
        encoder: whose windows are to fit.
        path: of the file, for errors.

    Raises:
        EncoderFileError: they do not.
    """
    batch, *others = [size if isinstance(size, int) and size > 0 else None for size in stated]
    lengths = [size for size in others if size != 1]
    if len(lengths) != 1 or lengths[0] not in (None, encoder.window_samples):
        raise EncoderFileError(
            f"{path} takes an input of shape {tuple(stated)}; expected (batch, "
            f"{encoder.window_samples}), windows of {encoder.window_s:g} s at "
            f"{encoder.sample_rate} Hz: change model.encoder.window_s or model.encoder.sample_rate "
            "to what it was trained with"
        )
    return (batch or 1, *(1 if size == 1 else encoder.window_samples for size in others))


def by_batches(
    windows: np.ndarray, shape: tuple[int, ...], run: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """What a graph gives for windows, as many at once as it takes.

    Args:
        windows: (windows, samples) float32, at least one.
        shape: of its input; the last batch is filled with silence.
        run: called with each batch; gives (batch, features).

    Returns:
        (windows, features)
    """
    size, parts = shape[0], []
    for first in range(0, len(windows), size):
        part = windows[first : first + size]
        filled = np.zeros((size, windows.shape[1]), np.float32)
        filled[: len(part)] = part
        parts.append(run(filled.reshape(shape))[: len(part)])
    return np.concatenate(parts)


def joined(values: Iterable[np.ndarray], names: Sequence[str], path: Path) -> np.ndarray:
    """Tensors as the features (windows, features), one after the other.

    Args:
        values: (windows, …) each, of which one further axis is longer than 1 at most.
        names: of the tensors, for errors.
        path: of the file, for errors.

    Raises:
        EncoderFileError: a tensor has several such axes.
    """
    parts = []
    for value, name in zip(values, names, strict=True):
        if value.ndim < 2 or sum(size > 1 for size in value.shape[1:]) > 1:
            raise EncoderFileError(
                f"the tensor {name} of {path} has the shape {value.shape}; expected one vector of "
                "features for each window: name another by model.encoder.output=…"
            )
        parts.append(np.asarray(value, np.float32).reshape(len(value), -1))
    return np.concatenate(parts, axis=1)
