"""Prior correction: scores for recordings in which species have a given prevalence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rfcx_audio.scores.species_tables import read_by_species

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
_BISECTIONS = 50
_FURTHEST = 40.0  # shift in log-odds


def prior_correction(scores: Tensor, prior: Tensor, made_under: Tensor) -> Tensor:
    """Scores whose odds are multiplied by f = (prior / (1 - prior)) / (q / (1 - q)).

    TEST-INFORMED if the prior was estimated from the recordings that are scored. A result that
    uses it must state this; the library applies it only on request.

    Exact if the recordings of the calibration and those that are scored differ only in how
    frequent the species are.

    Args:
        scores: (..., species) in [0, 1].
        prior: (species,) in (0, 1), prevalence in the recordings that are scored.
        made_under: (species,) in (0, 1), q, prevalence in the recordings of the calibration.

    Returns:
        A tensor of the same shape; 0 and 1 do not change.

    Raises:
        ValueError: a prevalence is not in (0, 1), or there is not one for each species.

    Source: Saerens et al. (2002), doi:10.1162/089976602753284446, equation 2.4 for two classes.
    """
    for name, value in (("prior", prior), ("made_under", made_under)):
        if value.shape != scores.shape[-1:] or not ((value > 0) & (value < 1)).all():
            raise ValueError(
                f"{name} is {value.tolist()}; expected {scores.shape[-1]} numbers between 0 and 1, "
                "one a species"
            )
    to, was = prior.double(), made_under.double()
    factor = to / (1 - to) / (was / (1 - was))  # (species,)
    present = scores.double() * factor
    return (present / (present + (1 - scores.double()))).to(scores.dtype)


def read_prior(path: Path, species: Sequence[str]) -> Tensor:
    """The prior in a CSV file: `species` or `species_id`, and a column that begins with `prior`.

    Args:
        path: of the file.
        species: names; each needs a row, in any order.

    Returns:
        (species,) float64.

    Raises:
        ValueError: a column is missing or ambiguous, or there is not one row for each species.
    """
    table = read_by_species(path, species)
    columns = [name for name in table if str(name).startswith("prior")]
    if len(columns) != 1:
        raise ValueError(
            f"{path} has the columns {list(table)}; expected species or species_id, and one that "
            "begins with 'prior'"
        )
    return torch.tensor(table[columns[0]].to_numpy(dtype="float64", copy=True))


def prior_metadata(prior: Tensor, made_under: Tensor, source: str) -> dict[str, Any]:
    """The metadata of corrected scores, as plain JSON.

    Args:
        prior: see `prior_correction`.
        made_under: see `prior_correction`.
        source: where the prior comes from.
    """
    return {
        "test_informed": True,
        "source": source,
        "prior": prior.tolist(),
        "made_under": made_under.tolist(),
    }


def implied_prior(scores: Tensor, prior: Tensor) -> Tensor:
    """The q for which `prior_correction` of the scores to a prior has that prior as its mean.

    Args:
        scores: (recordings, species) in [0, 1].
        prior: (species,) in (0, 1).

    Returns:
        (species,) float64.
    """
    logits, goal = scores.double().logit(_EPS), prior.double()
    low, high = torch.full_like(goal, -_FURTHEST), torch.full_like(goal, _FURTHEST)
    for _ in range(_BISECTIONS):
        shift = (low + high) / 2
        too_low = (logits + shift).sigmoid().mean(0) < goal
        low, high = torch.where(too_low, shift, low), torch.where(too_low, high, shift)
    return (goal.logit() - (low + high) / 2).sigmoid()
