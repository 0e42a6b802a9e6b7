"""The encoder: any convolutional model of timm, without its pooling and classifier."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal, Self

import timm
import torch
from torch import Tensor, nn

from rfcx_audio.model.weights import load_backbone

_TRIAL_SIZE = (128, 256)  # mels, frames: a multiple of every stride in use
_MAP_DIMENSIONS = 4


class EncoderError(ValueError):
    """A model that cannot serve as an encoder, or a request that it cannot meet."""


class Encoder(nn.Module):
    """A timm model that turns a spectrogram into a map of features.

    Args:
        name: of the model in timm, for example `densenet121` or `resnet50.a1_in1k`.
        in_chans: channels of the spectrogram.
        pretrained: where the first weights come from. `"auto"`: from timm's hub or its local
            cache; where there are none within seconds, random ones and a warning. `True`: the same,
            but an error where there are none. `False`: random. Anything else is a local file
            (.safetensors, .pth, .bin) that holds all weights of this model.
        freeze_to: how much of the encoder keeps its first weights: `"none"`, `"all"`, or its first
            n stages. Stage 1 is the stem, down to half the size of the input, stage 2 goes on to a
            quarter and so on, as timm's `feature_info` has them; 0 is `"none"`. What is frozen also
            stays in evaluation mode, so that its batch normalisation does not move.
        options: further arguments of `timm.create_model`, for example
            `{"drop_path_rate": 0.1}`.
        lr_ratio: learning rate of the encoder's weights as a share of the optimizer's, where they
            are pretrained: they need less of a change than a head that starts from random ones.

    Batch normalisation learns the statistics of the spectrograms, also in a pretrained encoder,
    whose own are those of pictures. Those of fewer than about eight crops are mostly noise: freeze
    the encoder, or choose larger batches.

    Attributes:
        num_features: channels of the features.
        reduction: by how much both axes shrink.
        in_chans: as given.
        lr_ratio: as given where the weights are pretrained, else 1.
        weights: what `pretrained` came to, for example `"hub:densenet121.ra_in1k"`,
            `"file:mine.safetensors"`, `"random"` or `"random (hub unreachable)"`.

    Raises:
        EncoderError: timm does not know the model, it gives no map of features, it has fewer
            stages than `freeze_to`, or `lr_ratio` is not above 0.
        PretrainedWeightsError: weights that must be there are not, or do not fit.

    Source: the deck's `freeze_to` counts layers of Keras from the input and freezes all for `None`;
        here it counts stages, and `"all"` freezes all.
    """

    def __init__(
        self,
        name: str,
        in_chans: int = 1,
        pretrained: bool | str = "auto",
        freeze_to: int | Literal["none", "all"] = "none",
        options: Mapping[str, Any] | None = None,
        lr_ratio: float = 0.1,
    ) -> None:
        super().__init__()
        if lr_ratio <= 0:
            raise EncoderError(
                f"lr_ratio = {lr_ratio:g}; expected above 0; freeze_to is for what shall not be "
                "trained"
            )
        options = dict(options or {})
        check_name(name)
        self.in_chans = in_chans
        self.name = name
        self.backbone, self.weights = load_backbone(name, in_chans, pretrained, options)
        self.lr_ratio = 1.0 if self.weights.startswith("random") else lr_ratio
        self._channels_first = getattr(self.backbone, "output_fmt", None) != "NHWC"
        size = options.get("img_size") or _TRIAL_SIZE
        height, width = (size, size) if isinstance(size, int) else size
        self.num_features, self.reduction = self._try_out(name, height, width)
        self._frozen = frozen_modules(self.backbone, freeze_to)
        for module in self._frozen:
            module.requires_grad_(False)
        self.train()

    def forward(self, spectrogram: Tensor) -> Tensor:
        """The features of a spectrogram, not pooled.

        Args:
            spectrogram: (batch, in_chans, mels, frames).

        Returns:
            (batch, num_features, height, width), about mels and frames over `reduction`.
        """
        features = self.backbone.forward_features(spectrogram)  # pyright: ignore[reportCallIssue]
        return features if self._channels_first else features.permute(0, 3, 1, 2)

    def train(self, mode: bool = True) -> Self:
        """Training mode, except for what is frozen."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def _try_out(self, name: str, height: int, width: int) -> tuple[int, int]:
        """`num_features` and `reduction`, from one spectrogram of zeros."""
        self.backbone.eval()
        zeros = torch.zeros(1, self.in_chans, height, width)
        expected = (
            "expected a map (batch, features, height, width); choose a convolutional model, for "
            "example densenet121, or give its img_size (mels, frames) in options"
        )
        try:
            with torch.no_grad():
                features = self.forward(zeros)
        except (RuntimeError, AssertionError, ValueError) as error:
            raise EncoderError(
                f"{name!r} fails on a spectrogram of shape {tuple(zeros.shape)} ({error}): "
                f"{expected}"
            ) from error
        if features.ndim != _MAP_DIMENSIONS:
            raise EncoderError(
                f"{name!r} turns a spectrogram of shape {tuple(zeros.shape)} into features of "
                f"shape {tuple(features.shape)}: {expected}"
            )
        stages = getattr(self.backbone, "feature_info", None)
        seen = -(-height // features.shape[2])
        return features.shape[1], stages[-1]["reduction"] if stages else seen


def check_name(name: str) -> None:
    """Refuses a model that timm does not know.

    Raises:
        EncoderError: with the names that come nearest.
    """
    if timm.is_model(name):
        return
    near = difflib.get_close_matches(name, timm.list_models(), n=4, cutoff=0.4)
    raise EncoderError(
        f"timm {timm.__version__} has no model {name!r}; the nearest names are "
        f"{', '.join(near) or 'none'}; timm.list_models() has them all"
    )


def frozen_modules(
    backbone: nn.Module, freeze_to: int | Literal["none", "all"]
) -> tuple[nn.Module, ...]:
    """The modules of the first stages of a timm model, each whole.

    Args:
        backbone: with timm's `feature_info`, unless `freeze_to` is a word.
        freeze_to: see `Encoder`.

    Returns:
        Every module up to the end of the last frozen stage, in the order in which timm registers
        them; none that goes on beyond it.

    Raises:
        EncoderError: there are fewer stages.
    """
    if freeze_to == "all":
        return (backbone,)
    if freeze_to in ("none", 0):
        return ()
    stages = [stage["module"] for stage in getattr(backbone, "feature_info", [])]
    if not isinstance(freeze_to, int) or not 0 < freeze_to <= len(stages):
        raise EncoderError(
            f"freeze_to = {freeze_to!r}; expected none, all, or 0 to {len(stages)}, the stages of "
            f"this encoder ({', '.join(stages)})"
        )
    modules = dict(backbone.named_modules())
    end = max(place for place, name in enumerate(modules) if _holds(stages[freeze_to - 1], name))
    later = list(modules)[end + 1 :]
    return tuple(
        module
        for place, (name, module) in enumerate(modules.items())
        if place <= end and not any(_holds(name, other) for other in later)
    )


def _holds(module: str, other: str) -> bool:
    """Whether one dotted name is the other, or lies above it; the empty name is the root."""
    return module in ("", other) or other.startswith(f"{module}.")
