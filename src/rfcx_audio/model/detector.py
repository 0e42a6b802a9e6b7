"""The detector: from a spectrogram to the logits of every species."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.model.encoder import Encoder

_SPECTROGRAM_DIMENSIONS = 4


class BandNorm(nn.Module):
    """Batch normalisation of each mel band: the loud and the quiet ones on one footing.

    Args:
        num_bands: mels of the spectrogram; all its channels share their statistics.

    Source: `bn0` of PANNs, Kong et al. (2020), arXiv:1912.10211.
    """

    def __init__(self, num_bands: int) -> None:
        super().__init__()
        self.bands = nn.BatchNorm2d(num_bands)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """The spectrogram (batch, channels, mels, frames), each band normalised.

        Raises:
            ValueError: another number of mels.
        """
        if spectrogram.shape[2] != self.bands.num_features:
            raise ValueError(
                f"spectrogram of shape {tuple(spectrogram.shape)} has {spectrogram.shape[2]} mels, "
                f"expected {self.bands.num_features}; model.norm.num_bands must be "
                "frontend.n_mels"
            )
        return self.bands(spectrogram.transpose(1, 2)).transpose(1, 2)


class Detector(nn.Module):
    """Normalise, encode, decide.

    Args:
        encoder: gives a map of `encoder.num_features` features.
        head: called as `head(encoder.num_features)`; gives a module from features to `Logits`. A
            head that shrinks the map before it decides has the factor in `reduction`.
        norm: of the spectrogram; `nn.Identity()` for none.

    Attributes:
        reduction: by how much encoder and head shrink both axes, which is also the least size of
            either.
    """

    def __init__(self, encoder: Encoder, head: Callable[[int], nn.Module], norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self.encoder = encoder
        self.head = head(encoder.num_features)
        self.reduction: int = encoder.reduction * getattr(self.head, "reduction", 1)

    def forward(self, spectrogram: Tensor) -> Logits:
        """The logits of clips and frames.

        Args:
            spectrogram: (batch, channels, mels, frames).

        Raises:
            ValueError: the spectrogram has other channels than the encoder, or is too small.
        """
        self._check(spectrogram)
        normalised = self.norm(spectrogram)  # (batch, channels, mels, frames)
        features = self.encoder(normalised)  # (batch, features, height, width)
        return self.head(features)  # clip (batch, species), frame (batch, frames, species)

    def _check(self, spectrogram: Tensor) -> None:
        shape = tuple(spectrogram.shape)
        if len(shape) != _SPECTROGRAM_DIMENSIONS or shape[1] != self.encoder.in_chans:
            raise ValueError(
                f"spectrogram of shape {shape}; expected (batch, {self.encoder.in_chans}, mels, "
                "frames); model.encoder.in_chans must be the front end's channels"
            )
        if min(shape[2:]) < self.reduction:
            raise ValueError(
                f"spectrogram of shape {shape} is too small: this encoder and head shrink mels and "
                f"frames by {self.reduction}, so both must be at least {self.reduction}; raise "
                "frontend.n_mels or data.crop_duration_s, lower frontend.hop_length, or choose "
                "model/head=linear"
            )
