"""Score thresholds above which a species is called present, with confidence limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.data import few
from rfcx_audio.scores.known import as_arrays
from rfcx_audio.scores.scale import CALIBRATED, CORRECTED, scale_of
from rfcx_audio.scores.scores import Scores
from rfcx_audio.scores.species_tables import read_species_table

_BLOCK = 50  # bootstrap samples at once, which bounds the memory


class Goal(NamedTuple):
    """The criterion by which a threshold is chosen.

    Attributes:
        kind: `precision`, the lowest threshold with this precision, and so the highest recall; or
            `f_beta`, the threshold with the highest F score (the highest one in case of ties).
        value: the precision, in (0, 1]; or beta, above 0, the weight of recall against precision.
    """

    kind: Literal["precision", "f_beta"]
    value: float


class Threshold(NamedTuple):
    """The score from which a species is called present, with its precision and recall.

    Attributes:
        score: infinite if no threshold reaches the goal.
        precision: in [0, 1]; if no threshold reaches the goal, the highest precision.
        recall: in [0, 1].
    """

    score: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def best_threshold(
    scores: np.ndarray, present: np.ndarray, weight: np.ndarray, goal: Goal
) -> Threshold:
    """The threshold that reaches a goal.

    Args:
        scores: (cells,) of one species.
        present: (cells,) bool.
        weight: (..., cells), one or several weightings; cells with the weight 0 are ignored.
        goal: to reach.

    Returns:
        Score, precision and recall, each (...,).
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # of each score; equal ones go together
    called = np.cumsum(weight[..., order], axis=-1)[..., last]  # (..., candidates)
    found = np.cumsum((weight * present)[..., order], axis=-1)[..., last]
    there = np.diff(called, axis=-1, prepend=0) > 0
    all_present = found[..., -1:]
    precision = np.divide(found, called, out=np.zeros_like(found), where=there)
    recall = np.divide(found, all_present, out=np.zeros_like(found), where=all_present > 0)
    if goal.kind == "precision":
        reached = there & (precision >= goal.value - 1e-12)
        place = reached.shape[-1] - 1 - reached[..., ::-1].argmax(-1)
    else:
        weighed = goal.value**2 * all_present + called
        f_beta = (1 + goal.value**2) * np.divide(
            found, weighed, out=np.zeros_like(found), where=there
        )
        reached = f_beta > 0
        place = f_beta.argmax(-1)
    any_reached = reached.any(-1)
    place = np.where(any_reached, place, precision.argmax(-1))[..., None]
    score, best, share = (
        np.take_along_axis(np.broadcast_to(values, called.shape), place, -1)[..., 0]
        for values in (ranked[last], precision, recall)
    )
    return Threshold(np.where(any_reached, score, np.inf), best, share)


def thresholds(
    scores: Scores,
    labels: Labels,
    goal: Goal,
    generator: torch.Generator,
    num_bootstrap: int = 1000,
) -> pd.DataFrame:
    """The threshold of each species that reaches a goal on its known cells, with 95 % limits.

    Limits are percentiles over bootstrap samples of whole recordings, since the windows of one
    recording are not independent. In a sample that cannot reach the goal the threshold is infinite.

    Args:
        scores: of recordings that their model was not trained on.
        labels: (rows, species) each; present means a target of at least 0.5; `known` weights the
            cells.
        goal: to reach; precision is measured on known cells.
        generator: draws the bootstrap samples.
        num_bootstrap: number of bootstrap samples.

    Returns:
        A row per species: `species`, `present`, `absent` (known cells), `threshold`, `low`,
        `high`, `precision`, `recall`, and `reason`, why a number is missing (NaN).

    Raises:
        ValueError: the goal is out of range.
    """
    if not (0 < goal.value < np.inf) or (goal.kind == "precision" and goal.value > 1):
        raise ValueError(
            f"{goal.kind} = {goal.value} is out of range; expected precision in (0, 1], "
            "or f_beta above 0"
        )
    values, present, weight = as_arrays(scores.tensor, labels)
    place, names = pd.factorize(scores.keys["recording_id"], sort=True)
    drawn = torch.randint(len(names), (num_bootstrap, len(names)), generator=generator)
    times = torch.zeros(drawn.shape).scatter_add_(1, drawn, torch.ones(drawn.shape)).numpy()
    lines = []
    for s, name in enumerate(scores.species):
        rows = weight[:, s] > 0
        column, here, known = values[rows, s], present[rows, s], weight[rows, s]
        line: dict[str, Any] = {"species": name, "present": here.sum(), "absent": (~here).sum()}
        line |= dict.fromkeys(("threshold", "low", "high", "precision", "recall"), np.nan)
        lines.append(line | {"reason": ""})
        if not here.any() or here.all():
            lines[-1]["reason"] = f"no known {'absence' if here.any() else 'presence'}"
            continue
        best = best_threshold(column, here, known, goal)
        if np.isinf(best.score):
            lines[-1]["reason"] = (
                f"no threshold has this precision; the best is {best.precision:.2f}"
            )
            continue
        again = np.concatenate(
            [
                best_threshold(column, here, known * times[n : n + _BLOCK, place[rows]], goal).score
                for n in range(0, num_bootstrap, _BLOCK)
            ]
        )
        numbers = zip(("threshold", "precision", "recall"), map(float, best), strict=True)
        lines[-1] |= {**dict(numbers), **_limits(again)}
    return pd.DataFrame(lines)


def read_thresholds(given: str | float, scores: Scores) -> np.ndarray:
    """The score from which each species is called present.

    Args:
        given: one number for all species, or the `thresholds.csv` of `calibrate`: its column
            `threshold` is for raw scores, `calibrated` for those that `calibrate` wrote.
        scores: that the thresholds are applied to.

    Returns:
        (species,) float64; NaN where the table has no threshold.

    Raises:
        ValueError: the number is outside [0, 1], the file is no such table, it has none of the
            scored species, or the scores are corrected to a prior, after which no threshold holds.
    """
    if not isinstance(given, str) or _is_number(given):
        given = float(given)
        if not 0 <= given <= 1:
            raise ValueError(f"thresholds={given} lies outside 0 to 1")
        return np.full(len(scores.species), given)
    scale = scale_of(scores.metadata)
    if scale == CORRECTED:
        raise ValueError(
            f"{given} is for scores before a correction to a prior; give those, or a number"
        )
    if not Path(given).is_file():
        raise ValueError(f"thresholds={given} is neither a number nor a file")
    table = read_species_table(given)
    column = "calibrated" if scale == CALIBRATED else "threshold"
    if not {"species", column} <= set(table):
        raise ValueError(
            f"{given} has the columns {', '.join(map(str, table))}; expected species and "
            f"{column}, as `rfcx-audio calibrate` writes them"
        )
    by_name = dict(zip(table["species"], pd.to_numeric(table[column]), strict=True))
    if not set(by_name) & set(scores.species):
        raise ValueError(
            f"{given} has none of the scored species ({few(list(scores.species))}); it has "
            f"{few(list(by_name))}"
        )
    return np.array([by_name.get(name, np.nan) for name in scores.species], dtype=float)


def _is_number(text: str) -> bool:
    """Whether the text of a command line, where it may be a path as well, is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _limits(scores: np.ndarray) -> dict[str, Any]:
    """The central 95 % of thresholds, some of which may be infinite."""
    low, high = (
        np.quantile(scores, 0.025, method="lower"),
        np.quantile(scores, 0.975, method="higher"),
    )
    missed = f"{np.isinf(scores).mean():.0%} of the bootstrap samples cannot reach the goal"
    return {
        "low": low if np.isfinite(low) else np.nan,
        "high": high if np.isfinite(high) else np.nan,
        "reason": "" if np.isfinite(high) else missed,
    }
