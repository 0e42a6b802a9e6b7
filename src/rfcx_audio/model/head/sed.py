"""The detection head of PANNs: what sounds in each frame, and how frames make a clip."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import Logits

Pooling = Literal["probability", "logit"]


def attend(logits: Tensor, log_attention: Tensor, pooling: Pooling = "probability") -> Tensor:
    """The logits of clips, from those of their frames and the attention a that each is paid.

    * `probability`: the logit of sum_t a_t sigmoid(z_t), so that the clip's probability is the mean
      of its frames'.
    * `logit`: sum_t a_t z_t, the mean of the logits, in which one confident frame outweighs many
      unsure ones.

    Args:
        logits: z, (batch, frames, species).
        log_attention: ln a, of the same shape; a sums to 1 over the frames.
        pooling: which of the two.

    Returns:
        (batch, species).

    Raises:
        ValueError: if `pooling` is neither.
    """
    if pooling not in get_args(Pooling):
        raise ValueError(f"pooling {pooling!r} does not exist; choose probability or logit")
    if pooling == "logit":
        return (log_attention.exp() * logits).sum(1)
    # ln p - ln (1 - p), each as a sum of exponentials: p itself would round to 0 or 1.
    present = torch.logsumexp(log_attention + F.logsigmoid(logits), 1)
    absent = torch.logsumexp(log_attention + F.logsigmoid(-logits), 1)
    return present - absent


class SEDHead(nn.Module):
    """A logit for each frame and species, and an attention of its own that unites the frames.

    Args:
        in_features: of the encoder.
        num_species: logits.
        dropout: probability, before and after the hidden layer.
        pooling: how frames make a clip, see `attend`.

    Attributes:
        least_map: height and width below which there is nothing to attend to.

    Raises:
        ValueError: in `forward`, if `pooling` does not exist.

    Source: Kong et al. (2020), arXiv:1912.10211, the decision-level attention of their detection
    models. Departures: the attention's logits pass a tanh, not a clamp to +-10; layers begin as
    PyTorch's do; and `pooling="logit"`, which like the tanh is usual in models derived from theirs.
    """

    reduction = 1
    least_map = (1, 2)

    def __init__(
        self,
        in_features: int,
        num_species: int,
        dropout: float = 0.5,
        pooling: Pooling = "probability",
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(in_features, in_features)
        self.attention = nn.Linear(in_features, num_species)
        self.classifier = nn.Linear(in_features, num_species)
        self.pooling: Pooling = pooling

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); a frame for each column."""
        over_time = features.mean(2)  # (batch, in_features, width)
        smooth = F.max_pool1d(over_time, 3, 1, 1) + F.avg_pool1d(over_time, 3, 1, 1)  # the same
        frames = self.dropout(smooth.transpose(1, 2))  # (batch, width, in_features)
        hidden = self.dropout(F.relu(self.hidden(frames)))  # the same
        logits = _precise(self.classifier(hidden))  # (batch, width, species)
        log_attention = F.log_softmax(torch.tanh(_precise(self.attention(hidden))), dim=1)
        clip = attend(logits, log_attention, self.pooling)  # (batch, species)
        return Logits(clip=clip, frame=logits)


def _precise(tensor: Tensor) -> Tensor:
    """In at least float32, which the pooling needs under mixed precision."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
