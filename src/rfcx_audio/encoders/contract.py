"""What a pretrained network must offer to serve as a source of features."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class EncoderFileError(ValueError):
    """A file of weights that an encoder cannot use, and why."""


class FeatureEncoder(nn.Module, ABC):
    """A pretrained network that gives each window of sound a vector of features.

    It is made from its settings alone, without reading its file: that happens when the first
    features are computed, or when a setting that follows from the file is asked for and was not
    given. So a head that was trained on stored features can be used where the file is not.

    A copy for another process is made from the settings again (`__reduce__`), so a subclass keeps
    its constructor's arguments in `settings`.

    Args:
        settings: the arguments of the constructor, as plain JSON.

    Attributes:
        settings: the same.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Hz, of the sound that it takes."""

    @property
    @abstractmethod
    def window_samples(self) -> int:
        """Length of the windows that it takes."""

    @property
    @abstractmethod
    def num_features(self) -> int:
        """Width of the features."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Of the file that the weights come from; an encoder of other weights has another."""

    @property
    def species(self) -> tuple[str, ...]:
        """The species that it was trained to tell, by their scientific names; () if unknown."""
        return ()

    @property
    def licence(self) -> str | None:
        """Under which its weights may be used; None if unknown."""
        return None

    @property
    def window_s(self) -> float:
        """Length of the windows in s."""
        return self.window_samples / self.sample_rate

    def described(self) -> dict[str, Any]:
        """`_target_` and arguments that make the same encoder, file included, as plain JSON.

        What follows from the file stands in it, so that the description can be used without it.
        """
        kind = type(self)
        room = ".".join(kind.__module__.split(".")[:2])
        found = {"sha256": self.sha256, "num_features": self.num_features}
        return {"_target_": f"{room}.{kind.__qualname__}", **self.settings, **found}

    @abstractmethod
    def features(self, waveform: Tensor) -> Tensor:
        """The features of windows.

        Args:
            waveform: (batch, window_samples) float32 at `sample_rate`, in about [-1, 1].

        Returns:
            (batch, num_features) float32, of each window for itself: a batch equals a loop.

        Raises:
            EncoderFileError: the file is missing, broken, or not the one that was described.
        """

    @torch.no_grad()
    def forward(self, waveform: Tensor) -> Tensor:
        """`features`, of checked windows; an empty batch needs no file.

        Raises:
            ValueError: the windows have another length.
            EncoderFileError: see `features`; or there are not `num_features` of them.
        """
        if waveform.ndim != 2 or waveform.shape[1] != self.window_samples:
            raise ValueError(
                f"windows of shape {tuple(waveform.shape)}; this encoder takes (batch, "
                f"{self.window_samples}), {self.window_s:g} s at {self.sample_rate} Hz"
            )
        if not len(waveform):
            return waveform.new_zeros(0, self.num_features, dtype=torch.float32)
        features = self.features(waveform.float())
        if features.shape[1] != self.num_features:
            raise EncoderFileError(
                f"{type(self).__name__} gives {features.shape[1]} features a window, and "
                f"num_features = {self.num_features}; leave num_features out to have it found"
            )
        return features

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew from its settings, as interpreters and sessions cannot be pickled."""
        return _made_anew, (type(self), self.settings)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return ", ".join(f"{key}={value!r}" for key, value in self.settings.items())


def _made_anew(kind: type[FeatureEncoder], settings: dict[str, Any]) -> FeatureEncoder:
    return kind(**settings)


def check_above_zero(**values: float | None) -> None:
    """Checks settings of an encoder by name, which a configuration may have left out (None).

    Raises:
        ValueError: one is None, or not above 0.
    """
    for name, value in values.items():
        if value is None or not value > 0:
            found = "is not given" if value is None else f"= {value}"
            raise ValueError(f"{name} {found}; expected a number above 0: model.encoder.{name}=…")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        EncoderFileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderFileError(f"{path} cannot be read: {error.strerror}") from None
