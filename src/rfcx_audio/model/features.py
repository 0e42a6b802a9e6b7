"""A detector on the features of a pretrained encoder, which it standardises."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits

_DIMENSIONS = 4


class SourceOfFeatures(Protocol):
    """What is asked of a pretrained encoder: the width of its features, and which one it is."""

    @property
    def num_features(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102


class Origin(NamedTuple):
    """Where features come from, in place of the encoder itself.

    Attributes:
        name: of the encoder's class.
        sha256: of the file of its weights.
        num_features: width of its features.
    """

    name: str
    sha256: str
    num_features: int

    @property
    def weights(self) -> str:
        """Those that the features come from, for a report."""
        return f"SHA-256 {self.sha256}"


class FeatureDetector(nn.Module):
    """Standardise the features of windows, decide.

    Features are raised to a power, which shortens the long tails that a rectifier leaves, then
    standardised with the mean and the standard deviation of the windows that were trained on, which
    `standardise` sets once and checkpoints keep. All of it is computed in float32 under any
    autocast: it costs nothing beside the encoder.

    Args:
        encoder: whose features come in; it is not run here.
        head: called as `head(num_features)`; gives a module from a map of features
            (batch, features, 1, windows) to `Logits`.
        power: in (0, 1], of the magnitude of each feature, whose sign stays; 1 leaves it as it is.

    Raises:
        ValueError: the power is out of its range.

    Attributes:
        encoder: which one it is.
        reduction: 1, the least number of windows.
    """

    mean: Tensor
    deviation: Tensor
    standardised: Tensor
    reduction = 1

    def __init__(
        self, encoder: SourceOfFeatures, head: Callable[[int], nn.Module], power: float = 1.0
    ) -> None:
        super().__init__()
        if not 0 < power <= 1:
            raise ValueError(f"model.power = {power:g}; expected above 0, and 1 at most")
        self.power = power
        name = encoder.name if isinstance(encoder, Origin) else type(encoder).__name__
        self.encoder = Origin(name, encoder.sha256, encoder.num_features)
        self.num_features = encoder.num_features
        self.head = head(self.num_features)
        self.register_buffer("mean", torch.zeros(self.num_features))
        self.register_buffer("deviation", torch.ones(self.num_features))
        self.register_buffer("standardised", torch.tensor(False))

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Sets the mean and the standard deviation of the features, unless they are set already.

        They are where the first weights come from a run before.

        Args:
            mean: (features,), of `raised` features.
            deviation: (features,), at least 0, of the same; a feature that is the same everywhere
                becomes 0.
        """
        if not self.standardised:
            self.mean.copy_(mean)
            self.deviation.copy_(torch.where(deviation > 0, deviation, 1.0))
            self.standardised.fill_(True)

    def raised(self, features: Tensor) -> Tensor:
        """Features of any shape, raised to the power."""
        return features if self.power == 1 else features.sign() * features.abs() ** self.power

    def forward(self, spectrogram: Tensor) -> Logits:
        """The logits of clips and windows.

        Args:
            spectrogram: (batch, 1, features, windows), as `EncoderFrontend` gives it.

        Raises:
            ValueError: there is another number of features.
        """
        shape = tuple(spectrogram.shape)
        if len(shape) != _DIMENSIONS or shape[1:3] != (1, self.num_features):
            raise ValueError(
                f"features of shape {shape}; expected (batch, 1, {self.num_features}, windows), of "
                f"the encoder {self.encoder.name} that model.encoder names"
            )
        with torch.autocast(spectrogram.device.type, enabled=False):
            features = spectrogram.float().transpose(1, 2)  # (batch, features, 1, windows)
            mean, deviation = self.mean[:, None, None], self.deviation[:, None, None]
            return self.head((self.raised(features) - mean) / deviation)
