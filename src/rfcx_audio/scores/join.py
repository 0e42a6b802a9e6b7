"""Joining tables of scores by recording, window and species."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.data import few
from rfcx_audio.scores.known import RECORDING, WINDOW
from rfcx_audio.scores.scores import Scores

_log = logging.getLogger(__name__)
_SHOWN = 3


class EnsembleError(ValueError):
    """Tables that cannot be combined; the message names the difference."""


class JoinedScores(NamedTuple):
    """The scores of several members for the same windows.

    Attributes:
        keys: see `Scores`, sorted.
        species: names of the columns.
        values: (members, rows, species) float32 in [0, 1].
    """

    keys: pd.DataFrame
    species: tuple[str, ...]
    values: Tensor


def join(several: Mapping[str, Scores], tolerance_s: float = 1e-3) -> JoinedScores:
    """Stacks the scores of several tables; their rows and species may be in any order.

    Args:
        several: tables by name, all of windows or all of recordings.
        tolerance_s: by how much the times of one window may differ between tables.

    Raises:
        EnsembleError: the tables differ in keys, have no species in common, a key is repeated, or
            a score is outside [0, 1].
    """
    species = _common_species(several)
    names, members = list(several), list(several.values())
    by = [str(name) for name in members[0].keys]
    for name, scores in several.items():
        check_probabilities(name, scores)
    keys = pd.concat([scores.keys for scores in members], ignore_index=True)
    member = np.repeat(np.arange(len(members)), [len(scores) for scores in members])
    for time in by[1:]:
        keys[time] = _snapped(keys[RECORDING[0]], keys[time], tolerance_s)
    place = keys.groupby(by, sort=True).ngroup().to_numpy()  # of the row among all
    common = keys.drop_duplicates().sort_values(by, ignore_index=True)
    count = np.zeros((len(members), len(common)), dtype=int)
    np.add.at(count, (member, place), 1)
    _check_keys(names, common, count)
    values = np.empty((len(members), len(common), len(species)), dtype=np.float32)
    ordered = [one.values[:, [one.species.index(name) for name in species]] for one in members]
    values[member, place] = np.concatenate(ordered)
    return JoinedScores(common, species, torch.from_numpy(values))


def check_probabilities(name: str, scores: Scores) -> None:
    """Checks that all scores are in [0, 1].

    Raises:
        EnsembleError: a score is outside; the first one is named.
    """
    fine = ((scores.values >= 0) & (scores.values <= 1)).all(axis=1)
    if not fine.all():
        raise EnsembleError(
            f"{name} has scores that are no probabilities, the first in the "
            f"{_what(scores.keys)[:-1]} {_shown(scores.keys.iloc[[int(np.argmin(fine))]])}"
        )


def _common_species(several: Mapping[str, Scores]) -> tuple[str, ...]:
    """The names of the species that all tables have, in the order of the first.

    Species that only some have are left out, with a warning that names them.
    """
    if not several:
        raise EnsembleError("no table of scores is given")
    first, *_ = several
    expected = several[first]
    for name, scores in several.items():
        if tuple(scores.keys) != tuple(expected.keys):
            raise EnsembleError(
                f"{first} is of {_what(expected.keys)}, {name} of {_what(scores.keys)}; predict "
                "both alike"
            )
    shared = set.intersection(*({*scores.species} for scores in several.values()))
    if not shared:
        raise EnsembleError(
            "the tables have no species in common: "
            + "; ".join(f"{name} has {few(list(one.species))}" for name, one in several.items())
        )
    for name, scores in several.items():
        others = [one for one in scores.species if one not in shared]
        if others:
            _log.warning(
                "%d species of %s are left out, as other tables lack them: %s",
                *(len(others), name, ", ".join(others)),
            )
    return tuple(name for name in expected.species if name in shared)


def _snapped(recordings: pd.Series, times_s: pd.Series, tolerance_s: float) -> pd.Series:
    """Times in which those of one recording within the tolerance of each other are made equal."""
    ordered = pd.DataFrame({"name": recordings, "time": times_s}).sort_values(["name", "time"])
    another = ordered["name"] != ordered["name"].shift()
    apart = ordered["time"].diff() > tolerance_s
    return ordered["time"].groupby((another | apart).cumsum()).transform("min")


def _check_keys(names: list[str], keys: pd.DataFrame, count: np.ndarray) -> None:
    """Checks that every table has every row exactly once; `count` is (members, rows)."""
    faults = []
    for name, times in zip(names, count, strict=True):
        for what, which in (("lacks", times == 0), ("has twice", times > 1)):
            if which.any():
                faults.append(
                    f"{name} {what} {which.sum()} of {len(keys)} {_what(keys)}: "
                    f"{_shown(keys[which])}"
                )
    if faults:
        raise EnsembleError(
            f"the tables are not of the same {_what(keys)}; predict the same recordings with the "
            f"same windows. {'; '.join(faults)}"
        )


def _what(keys: pd.DataFrame) -> str:
    return "windows" if tuple(keys) == WINDOW else "recordings"


def _shown(keys: pd.DataFrame) -> str:
    """The first few rows, as text."""
    names = [
        f"{name!r}" + (" {:.2f}-{:.2f} s".format(*times) if times else "")
        for name, *times in keys.head(_SHOWN).itertuples(index=False)
    ]
    return ", ".join(names) + (", …" if len(keys) > _SHOWN else "")
