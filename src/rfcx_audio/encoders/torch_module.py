"""Encoders that are torch modules of the user's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rfcx_audio.encoders.contract import EncoderFileError, check_above_zero
from rfcx_audio.encoders.loaded import LoadedEncoder, absolute

_UNREADABLE = (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, SafetensorError)
_REASON_LENGTH = 400  # torch names every weight that is missing


class TorchEncoder(LoadedEncoder):
    """An encoder that is a torch module, made by an import path.

    The module turns windows (batch, samples) into features (batch, features); it is used in
    evaluation mode, where the windows are.

    Args:
        module: import path of its class, or of a function that makes it.
        arguments: of that, as plain JSON.
        sample_rate: Hz, of the sound that it takes.
        window_s: length of its windows in s.
        file: of its weights, a state dict (`.safetensors`, or of `torch.save`), of which only
            tensors are read; None for a module that has its weights when it is made.
        sha256: of the file with which it must be used; without a file, of path and arguments.
        num_features: width of the features, if known.

    Raises:
        ValueError: `module` is not given, `sample_rate` or `window_s` is not above 0.
    """

    key = "model.encoder.file"

    def __init__(
        self,
        module: str,
        sample_rate: int,
        window_s: float,
        arguments: Mapping[str, Any] | None = None,
        file: str | None = None,
        sha256: str | None = None,
        num_features: int | None = None,
    ) -> None:
        if not module:
            raise ValueError("no import path is given: model.encoder.module=my_package.MyEncoder")
        check_above_zero(sample_rate=sample_rate, window_s=window_s)
        super().__init__(
            {
                "module": module,
                "sample_rate": sample_rate,
                "window_s": window_s,
                "arguments": dict(arguments or {}),
                "file": file,
                "sha256": sha256,
                "num_features": num_features,
            }
        )

    def described(self) -> dict[str, Any]:
        """See `FeatureEncoder.described`; the path is absolute."""
        return super().described() | {"file": absolute(self.settings["file"])}

    def features(self, waveform: Tensor) -> Tensor:
        """See `FeatureEncoder.features`."""
        features = self._network.to(waveform.device)(waveform)
        if not isinstance(features, Tensor) or features.shape[:-1] != (len(waveform),):
            found = getattr(features, "shape", type(features).__name__)
            raise EncoderFileError(
                f"{self.settings['module']} turns windows {tuple(waveform.shape)} into {found}; "
                "expected a tensor (batch, features)"
            )
        return features.float()

    @cached_property
    def _network(self) -> nn.Module:
        """Made when it is first used; no submodule, as its weights are not those of a model."""
        name, file = self.settings["module"], self.settings["file"]
        self.check_sha256(file or name)
        network = _imported(name)(**self.settings["arguments"])
        if not isinstance(network, nn.Module):
            raise EncoderFileError(
                f"{name} makes a {type(network).__name__}, expected a torch.nn.Module"
            )
        if file is not None:
            _load_weights(network, Path(file).expanduser())
        return network.eval().requires_grad_(False)

    def find_sha256(self) -> str:
        """Of its file as it is now; without one, of import path and arguments."""
        file = self.settings["file"]
        if file is not None:
            return self.sha256_of(Path(file).expanduser())
        made = json.dumps([self.settings["module"], self.settings["arguments"]], sort_keys=True)
        return hashlib.sha256(made.encode()).hexdigest()


def _imported(path: str) -> Any:  # noqa: ANN401 (whatever the user has there)
    """What has this import path.

    Raises:
        EncoderFileError: there is no such thing.
    """
    package, _, name = path.rpartition(".")
    try:
        return getattr(import_module(package), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise EncoderFileError(
            f"model.encoder.module = {path!r} cannot be imported ({error}); expected the path of a "
            "class or function, such as my_package.MyEncoder, of an installed package or of a "
            "file in a folder of PYTHONPATH"
        ) from error


def _load_weights(network: nn.Module, path: Path) -> None:
    """Gives a network the weights of a file.

    Raises:
        EncoderFileError: the file is missing, holds more than tensors, or does not fit.
    """
    try:
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
    except (*_UNREADABLE, TypeError, AttributeError) as error:
        reason = shorten(str(error), _REASON_LENGTH, placeholder=" …")
        raise EncoderFileError(
            f"{path} is no state dict of {type(network).__name__} with tensors only: {reason}"
        ) from None
