"""Calibration of scores per species, from known labels only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.data import few
from rfcx_audio.scores.curves import IsotonicCurve, PlattCurve, isotonic_curve, platt_curve
from rfcx_audio.scores.known import as_arrays
from rfcx_audio.scores.scale import RAW, scale_of
from rfcx_audio.scores.scores import Scores

Method = Literal["platt", "isotonic"]


class SpeciesFit(NamedTuple):
    """The calibration of one species.

    Attributes:
        present: sum of `known` over its known presences.
        absent: sum of `known` over its known absences.
        own_share: in [0, 1), weight of the species' own curve; the pooled curve has 1 - own_share.
        prevalence: in (0, 1), the share of presences among the known cells, shrunk towards that of
            all species: the q of `prior_correction`.
        curve: the mixture of both fits.
    """

    present: float
    absent: float
    own_share: float
    prevalence: float
    curve: PlattCurve | IsotonicCurve


class Calibration(NamedTuple):
    """Non-decreasing curves from scores to probabilities, one per species.

    The probabilities hold for labelled windows. If a detector chose the labelled windows, species
    can be more or less frequent among them than in the field.

    Attributes:
        method: of all curves.
        min_cells: see `fit_calibration`.
        species: one fit per column, in order.
        names: of the species; empty if unknown.
    """

    method: Method
    min_cells: int
    species: tuple[SpeciesFit, ...]
    names: tuple[str, ...] = ()

    def __call__(self, scores: Tensor) -> Tensor:
        """Calibrated scores.

        Args:
            scores: (rows, species) in [0, 1].

        Returns:
            A tensor of the same shape and type.

        Raises:
            ValueError: the number of species differs.
        """
        if scores.ndim != 2 or scores.shape[1] != len(self.species):
            raise ValueError(
                f"scores are {tuple(scores.shape)}, expected (rows, {len(self.species)}): the "
                "calibration is of other species"
            )
        columns = scores.double().cpu().numpy().T
        fits = zip(columns, self.species, strict=True)
        calibrated = np.stack([fit.curve.at(column) for column, fit in fits], axis=1)
        return torch.from_numpy(calibrated).to(scores)

    def apply(self, scores: Scores) -> Scores:
        """Calibrated scores, with this calibration in their metadata.

        Raises:
            ValueError: see `check_raw`, or the number of species differs.
        """
        check_raw(scores, "the table")
        own = self.of_species(scores.species)
        return scores.with_values(own(scores.tensor), calibration=own.to_dict())

    def of_species(self, names: Sequence[str]) -> Calibration:
        """The calibration of species in another order, or of some of them.

        Args:
            names: of species; where the names of the calibration are unknown, all in its order.

        Raises:
            ValueError: it has no such species; they are named.
        """
        if not self.names or tuple(names) == self.names:
            return self
        missing = [name for name in names if name not in self.names]
        if missing:
            raise ValueError(
                f"the calibration has no species {few(missing)}; it is of {few(list(self.names))}"
            )
        fits = tuple(self.species[self.names.index(name)] for name in names)
        return self._replace(species=fits, names=tuple(names))

    @property
    def prevalence(self) -> Tensor:
        """(species,) float64, see `SpeciesFit`."""
        return torch.tensor([fit.prevalence for fit in self.species], dtype=torch.float64)

    def to_dict(self) -> dict[str, Any]:
        """The calibration as plain JSON."""
        species = [{**fit._asdict(), "curve": fit.curve._asdict()} for fit in self.species]
        described = {"method": self.method, "min_cells": self.min_cells, "species": species}
        return described | ({"names": list(self.names)} if self.names else {})

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_dict`.

        Raises:
            ValueError: this is no calibration, or a curve decreases.
        """
        try:
            kind = {"platt": PlattCurve, "isotonic": IsotonicCurve}[described["method"]]
            fits = [
                SpeciesFit(**{**fit, "curve": kind(**fit["curve"])}) for fit in described["species"]
            ]
            names = tuple(described.get("names", ()))
            if names and len(names) != len(fits):
                raise ValueError(f"{len(names)} names of {len(fits)} species")
            made = cls(described["method"], int(described["min_cells"]), tuple(fits), names)
            faulty = [n for n, fit in enumerate(fits) if not _is_sound(fit)]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"not a calibration as `Calibration.to_dict` writes it: {error!r}"
            ) from None
        if faulty:
            raise ValueError(
                f"the calibration of species {faulty} is invalid: a curve must not decrease, its "
                "knots must increase, and its probabilities lie in [0, 1]; fit it again"
            )
        return made


def fit_calibration(
    scores: Tensor, labels: Labels, method: Method = "platt", min_cells: int = 20
) -> Calibration:
    """Fits curves from scores to probabilities to the known cells, each weighted by `known`.

    The curve of a species is its own fit with the weight max(0, 1 - min_cells / n), and the fit to
    all species with the rest; n = min(`present`, `absent`) of `SpeciesFit`, sums of `known`.

    Args:
        scores: (rows, species) in [0, 1], of recordings that their model was not trained on.
        labels: (rows, species) each; present means a target of at least 0.5.
        method: `platt`, two parameters per species; or `isotonic`, any non-decreasing function,
            which needs hundreds of known presences and absences.
        min_cells: at least 1; a species with at most this many presences or absences takes the fit
            of all species.

    Raises:
        ValueError: no presence or no absence is known, or an argument is invalid.
    """
    if method not in ("platt", "isotonic"):
        raise ValueError(f"method = {method!r} is unknown; choose platt or isotonic")
    if min_cells < 1:
        raise ValueError(f"min_cells = {min_cells}; expected at least 1")
    values, present, weight = as_arrays(scores, labels)
    fit = platt_curve if method == "platt" else isotonic_curve
    known = weight > 0
    if not present[known].any() or present[known].all():
        raise ValueError(
            f"{present[known].sum()} present and {(~present[known]).sum()} absent cells are known "
            "in the scored windows; a calibration needs both: check recording ids and labels"
        )
    pooled = fit(values[known], present[known], weight[known])
    frequency = float((weight * present).sum() / weight.sum())
    fits = []
    for s, rows in enumerate(known.T):
        presences = float(weight[present[:, s], s].sum())
        absences = float(weight[~present[:, s], s].sum())
        share = 1 - min_cells / max(min_cells, min(presences, absences))
        curve = pooled
        if share > 0:
            own = fit(values[rows, s], present[rows, s], weight[rows, s])
            curve = own.mixed(pooled, share)  # pyright: ignore[reportArgumentType]
        prevalence = (presences + min_cells * frequency) / (presences + absences + min_cells)
        fits.append(SpeciesFit(presences, absences, share, prevalence, curve))
    return Calibration(method, min_cells, tuple(fits))


def check_raw(scores: Scores, name: str) -> None:
    """Checks that scores are neither calibrated nor corrected to a prior.

    Args:
        scores: with metadata.
        name: of the table, for the message.

    Raises:
        ValueError: the scores are calibrated or corrected already.
    """
    scale = scale_of(scores.metadata)
    if scale != RAW:
        raise ValueError(f"{name} is {scale} already; give the scores that it was made from")


def cross_fitted(
    scores: Scores,
    labels: Labels,
    generator: torch.Generator,
    method: Method = "platt",
    min_cells: int = 20,
    num_folds: int = 5,
) -> Tensor:
    """Calibrated scores, cross-fitted: each fold of recordings by a calibration of the others.

    Args:
        scores: of recordings that their model was not trained on.
        labels: (rows, species) each, see `fit_calibration`.
        generator: assigns the recordings to folds.
        method: see `fit_calibration`.
        min_cells: see `fit_calibration`.
        num_folds: at least 2; with fewer recordings, each is a fold.

    Returns:
        (rows, species) in [0, 1]; NaN in a fold without which no presence or no absence is known.

    Raises:
        ValueError: `num_folds` is below 2, or another argument is invalid.
    """
    if num_folds < 2:
        raise ValueError(f"num_folds = {num_folds}; expected at least 2")
    values = scores.tensor
    place, names = pd.factorize(scores.keys["recording_id"], sort=True)
    fold = (torch.randperm(len(names), generator=generator) % num_folds)[torch.from_numpy(place)]
    calibrated = torch.full_like(values, torch.nan)
    for held_out in range(min(num_folds, len(names))):
        away, here = fold != held_out, fold == held_out
        others = Labels(labels.target[away], labels.known[away])
        present = others.target[others.known > 0] >= 0.5
        if present.any() and not present.all():
            fitted = fit_calibration(values[away], others, method, min_cells)
            calibrated[here] = fitted(values[here])
    return calibrated


def _is_sound(fit: SpeciesFit) -> bool:
    numbers = np.array([fit.present, fit.absent, fit.own_share], dtype=float)
    curve = np.array(fit.curve, dtype=float)  # knots without partners raise ValueError
    if isinstance(fit.curve, PlattCurve):
        sound = curve[0] >= 0
    else:
        inside = curve.size > 0 and curve[1].min() >= 0 and curve[1].max() <= 1
        sound = inside and (np.diff(curve[0]) > 0).all() and (np.diff(curve[1]) >= 0).all()
    finite = np.isfinite(numbers).all() and np.isfinite(curve).all()
    return bool(sound and finite and 0 < fit.prevalence < 1)
