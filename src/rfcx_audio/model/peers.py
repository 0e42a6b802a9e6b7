"""Two networks of one kind that learn beside each other."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.batch import Logits

Answer = Literal["mean", "first", "second"]


def mean_logits(first: Tensor, second: Tensor) -> Tensor:
    """The logits of the mean of two probabilities, exact where either is next to 0 or 1.

    Args:
        first: any shape, unbounded.
        second: of the same shape.

    Returns:
        The same shape, in at least float32.
    """
    dtype = torch.promote_types(first.dtype, torch.float32)
    first, second = first.to(dtype), second.to(dtype)
    # ln of twice the mean of p, and of 1 - p; the twos leave in the difference.
    present = torch.logaddexp(functional.logsigmoid(first), functional.logsigmoid(second))
    absent = torch.logaddexp(functional.logsigmoid(-first), functional.logsigmoid(-second))
    return present - absent


class Peers(nn.Module):
    """Two networks that are trained on one batch and answer together.

    They are of use to each other only as far as they differ. Two descriptions built one after the
    other draw different random weights; with a pretrained encoder only the heads do.

    Args:
        first: (batch, channels, mels, frames) -> `Logits`.
        second: of the same shapes, another object.
        answer: of both together, by the mean of their probabilities, or of one alone, which takes
            half the time.

    Raises:
        ValueError: `first` and `second` are one object, or there is no such answer.
    """

    def __init__(self, first: nn.Module, second: nn.Module, answer: Answer = "mean") -> None:
        super().__init__()
        if first is second:
            raise ValueError("first and second are one network; co-teaching takes two")
        if answer not in get_args(Answer):
            raise ValueError(
                f"answer {answer!r} does not exist; choose {', '.join(get_args(Answer))}"
            )
        self.first = first
        self.second = second
        self.answer: Answer = answer

    @property
    def encoder(self) -> nn.Module:
        """The first network's encoder."""
        return self.first.encoder  # pyright: ignore[reportReturnType]

    @property
    def reduction(self) -> int:
        """By how much the networks shrink both axes, see `Detector`."""
        return self.first.reduction  # pyright: ignore[reportReturnType]

    def forward(self, spectrogram: Tensor) -> Logits:
        """The logits of the chosen network, or of the mean of both scores.

        Args:
            spectrogram: (batch, channels, mels, frames).
        """
        if self.answer == "first":
            return self.first(spectrogram)
        if self.answer == "second":
            return self.second(spectrogram)
        first, second = self.first(spectrogram), self.second(spectrogram)
        return Logits(
            clip=mean_logits(first.clip, second.clip),  # (batch, species)
            frame=mean_logits(first.frame, second.frame),  # (batch, frames, species)
        )

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"answer={self.answer}"
