"""Class-aware selective loss: unknown cells of common species are ignored."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.by_species import BySpecies, by_species, shown
from rfcx_audio.loss.masked_bce import masked_bce
from rfcx_audio.loss.ramp import Ramp
from rfcx_audio.loss.row_table import RowTable
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown, largest

_DECAY = 0.99  # of the estimated prior: the mean over the last hundred batches


def csl(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    prior: Tensor,
    threshold: float = 0.3,
    likeliest: float = 1.0,
    gamma: float = 4.0,
) -> CellLoss:
    """Cross-entropy of what is known; of the rest some cells are ignored, others count as absent.

    Ignored are the unknown cells of species whose prior exceeds the threshold, and, of all unknown
    cells of the batch, those with the highest scores. The others cost -p^gamma ln(1 - p), p being
    the score, so that low scores cost little and have a small gradient.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        prior: (species,) in [0, 1], the share of crops that hold each species.
        threshold: of the prior; at 1, no species is ignored for its prior.
        likeliest: at least 0, unknown cells that are ignored for their score, per crop on average
            over the batch.
        gamma: at least 0; the larger, the less cells of low score count.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: a setting is out of range, or the shapes differ.

    Source: Ben-Baruch et al. (2022), arXiv:2110.10955 (P-ASL, selective), with plain cross-entropy
    of what is known; theirs may focus absences too.
    """
    if likeliest < 0 or gamma < 0:
        raise ValueError(f"likeliest ({likeliest}) and gamma ({gamma}) must be at least 0")
    logits = exact(logits)
    unknown = known < 1
    ignored = largest(logits, unknown, round(likeliest * len(logits))) | (prior > threshold)
    unknown_loss = torch.exp(-gamma * F.softplus(-logits)) * F.softplus(logits)
    return known_and_unknown(logits, target, known, unknown_loss, (~ignored).to(logits.dtype))


def mean_presence(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """The share of a batch's crops that hold each species: known targets, else the scores.

    Args:
        logits: (batch, species).
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1]; a cell counts known target + (1 - known) score.

    Returns:
        (species,) in [0, 1].
    """
    scores = exact(logits).sigmoid()
    known = known.to(scores.dtype)
    present = torch.where(known > 0, target, 0).to(scores.dtype)
    return (known * present + (1 - known) * scores).mean(0)


class CSL(nn.Module):
    """`csl` of the clips.

    Without a prior, the network itself estimates it: for the first share `start` of the training
    it learns with `masked_bce`, and the prior is the mean of `mean_presence` over about the last
    hundred batches. From then on the prior is constant. It is kept in checkpoints and shared by
    all processes. Where the rows are balanced over the species, their mean scores tend to be equal
    too, and the estimate carries little information: give a prior then.

    Args:
        prior: (species,) in [0, 1], for example a prevalence estimated from unlabelled recordings;
            None to estimate it.
        start: in (0, 1]; unused where a prior is given.
        first_weight: in [0, 1], weight of unknown cells until then, for all species or for each. It
            is 0 in the paper, which makes all priors alike where each species has as many known
            absences as presences.
        threshold: see `csl`.
        likeliest: at least 0, see `csl`.
        gamma: at least 0, see `csl`.

    Raises:
        ValueError: `start` is 0 without a prior; in `forward`, if a setting is out
            of range, or the shapes differ.

    Source: Ben-Baruch et al. (2022), arXiv:2110.10955, who estimate the prior with a network of its
    own, which learns from known cells only and is then thrown away.
    """

    def __init__(
        self,
        prior: Sequence[float] | None = None,
        start: float = 0.3,
        first_weight: BySpecies = 0.1,
        threshold: float = 0.3,
        likeliest: float = 1.0,
        gamma: float = 4.0,
    ) -> None:
        super().__init__()
        if prior is None and start <= 0:
            raise ValueError(
                f"start is {start}: there is no time to estimate the prior; raise it above 0, or "
                f"give loss.prior, a number for each species"
            )
        self.prior = prior
        self.begun = Ramp(0.0, 1.0, begin=start, end=start)
        self.first_weight = first_weight
        self.threshold = threshold
        self.likeliest = likeliest
        self.gamma = gamma
        self.estimate = RowTable(torch.nan, num_rows=1) if prior is None else None

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        if self.estimate is None:
            given = 0.0 if self.prior is None else self.prior
            prior = by_species("prior", given, exact(logits.clip))
        else:
            self.estimate.resize(1, logits.clip.shape[1])
            prior = self.estimate.values[0]
            if self.begun.value < 1:
                now = mean_presence(logits.clip.detach(), *labels.clip)
                new = torch.where(prior.isnan(), now, _DECAY * prior + (1 - _DECAY) * now)
                self.estimate.write(torch.zeros(1, dtype=torch.int64, device=new.device), new[None])
                return masked_bce(logits.clip, *labels.clip, self.first_weight)
        settings = (self.threshold, self.likeliest, self.gamma)
        return csl(logits.clip, *labels.clip, prior, *settings)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        prior = "" if self.prior is None else f"prior={shown(self.prior)}, "
        return (
            f"{prior}first_weight={shown(self.first_weight)}, threshold={self.threshold:g}, "
            f"likeliest={self.likeliest:g}, gamma={self.gamma:g}"
        )
