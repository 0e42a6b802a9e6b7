"""A trained network of this library as a source of features."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any

from torch import Tensor

from rfcx_audio.encoders import EncoderFileError
from rfcx_audio.encoders.loaded import LoadedEncoder
from rfcx_audio.scoring.artefact import DESCRIPTION_FILE
from rfcx_audio.scoring.load import load_recogniser
from rfcx_audio.scoring.recogniser import Recogniser

_ENCODER = "encoder"


class CheckpointEncoder(LoadedEncoder):
    """A checkpoint or an artefact of this library, as an encoder of windows of its crops' length.

    Args:
        checkpoint: a `.ckpt` file, or the folder of an artefact.
        layer: dotted name of the module of its model whose output has the features: (batch,
            features), or a map (batch, features, …) whose mean counts. None for its encoder.
        sample_rate: Hz, if known; it is that of the checkpoint otherwise.
        window_s: length of its windows in s, likewise.
        sha256: with which it must be used: of the checkpoint, or of the description of an artefact,
            which states that of its weights.
        num_features: width of the features, if known.

    Raises:
        ValueError: `checkpoint` is not given.
    """

    key = "model.encoder.checkpoint"

    def __init__(
        self,
        checkpoint: str,
        layer: str | None = None,
        sample_rate: int | None = None,
        window_s: float | None = None,
        sha256: str | None = None,
        num_features: int | None = None,
    ) -> None:
        if not checkpoint:
            raise ValueError("no checkpoint is given: model.encoder.checkpoint=best.ckpt")
        super().__init__(
            {
                "checkpoint": checkpoint,
                "layer": layer,
                "sample_rate": sample_rate,
                "window_s": window_s,
                "sha256": sha256,
                "num_features": num_features,
            }
        )
        self._found = local()  # the layer's output in each thread

    @property
    def sample_rate(self) -> int:
        """Hz, of the sound that it takes."""
        return self.settings["sample_rate"] or self._recogniser.reader.sample_rate

    @property
    def window_samples(self) -> int:
        """Length of the windows that it takes: that of its crops."""
        length_s = self.settings["window_s"] or self._recogniser.windows.duration_s
        return round(length_s * self.sample_rate)

    @property
    def species(self) -> tuple[str, ...]:
        """The species that it was trained on, in their order."""
        return self._recogniser.species

    def described(self) -> dict[str, Any]:
        """See `FeatureEncoder.described`; the path is absolute."""
        return super().described() | {
            "checkpoint": str(self._path.absolute()),
            "sample_rate": self.sample_rate,
            "window_s": self.window_s,
        }

    def features(self, waveform: Tensor) -> Tensor:
        """See `FeatureEncoder.features`."""
        recogniser = self._recogniser.to(waveform.device)
        recogniser.detector(recogniser.frontend(waveform))
        features = self._found.value
        if not isinstance(features, Tensor) or len(features) != len(waveform) or features.ndim < 2:
            found = getattr(features, "shape", type(features).__name__)
            raise EncoderFileError(
                f"layer {self._layer!r} of {self._path} turns {len(waveform)} windows into "
                f"{found}; expected (batch, features) or a map (batch, features, …): name another "
                "by model.encoder.layer=…"
            )
        return features.float().flatten(2).mean(2) if features.ndim > 2 else features.float()

    @property
    def _path(self) -> Path:
        return Path(self.settings["checkpoint"]).expanduser()

    @property
    def _layer(self) -> str:
        return self.settings["layer"] or _ENCODER

    @cached_property
    def _recogniser(self) -> Recogniser:
        """Loaded when it is first used; no submodule, as its weights are not those of a model.

        Raises:
            EncoderFileError: it is another than it must be, or has no such layer.
        """
        self.check_sha256(self._path)
        recogniser = load_recogniser(self._path).requires_grad_(False)
        layers = dict(recogniser.detector.named_modules())
        if self._layer not in layers:
            listed = [name for name in layers if name.count(".") < 2 and name]
            raise EncoderFileError(
                f"the model of {self._path} has no layer {self._layer!r}; name one by "
                f"model.encoder.layer=…: {', '.join(listed)}, or one inside"
            )
        layers[self._layer].register_forward_hook(
            lambda _module, _inputs, output: setattr(self._found, "value", output)
        )
        return recogniser

    def find_sha256(self) -> str:
        """Of the checkpoint, or of an artefact's description, as it is now."""
        path = self._path
        return self.sha256_of(path / DESCRIPTION_FILE if path.is_dir() else path)
