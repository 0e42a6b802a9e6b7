"""From rows (species, time window) to labels of crops and windows: present, absent, unknown."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.batch import Labels, Rows


def rows_of(table: pd.DataFrame) -> Rows:
    """The rows of one recording as tensors.

    Args:
        table: rows with `species_id`, `present`, `weight`, `t_min`, `t_max`.
    """
    return Rows(
        species=torch.tensor(table["species_id"].to_numpy(dtype="int64", copy=True)),
        present=torch.tensor(table["present"].to_numpy(dtype=bool, copy=True)),
        weight=torch.tensor(table["weight"].to_numpy(dtype="float32", copy=True)),
        t_min=torch.tensor(table["t_min"].to_numpy(dtype="float64", copy=True)),
        t_max=torch.tensor(table["t_max"].to_numpy(dtype="float64", copy=True)),
    )


def label_windows(
    rows: Rows, starts_s: Tensor, duration_s: float, num_species: int, min_overlap: float
) -> Labels:
    """What a recording's rows say of windows in it.

    A row speaks of a window when at least `min_overlap` of the row's duration, or of the window's
    where that is shorter, lies in both. A species is present where a TP row speaks. It is absent
    where an FP row speaks and no TP row touches the window at all. Everything else is unknown; so
    is a window that holds only a small part of a confirmed call.

    Args:
        rows: of one recording.
        starts_s: (windows,) s.
        duration_s: of every window.
        num_species: width of the labels.
        min_overlap: in (0, 1].

    Returns:
        Labels, each (windows, species) float32; `known` is the largest weight of the rows that
        decide the cell.
    """
    starts = starts_s.to(rows.t_min)[:, None]  # (windows, 1)
    overlap = torch.minimum(rows.t_max, starts + duration_s) - torch.maximum(rows.t_min, starts)
    shorter = (rows.t_max - rows.t_min).clamp(max=duration_s)
    speaks = overlap >= min_overlap * shorter - 1e-9  # (windows, rows)
    touches = overlap > 0

    present = _strongest(speaks & rows.present, rows, num_species)  # (windows, species)
    absent = _strongest(speaks & ~rows.present, rows, num_species)
    touched = _strongest(touches & rows.present, rows, num_species) > 0
    target = (present > 0).float()
    known = torch.where(present > 0, present, torch.where(touched, 0.0, absent))
    return Labels(target, known)


def label_recording(rows: Rows, num_species: int) -> Labels:
    """What rows say of their recording as a whole.

    A TP row makes its species present. An FP row is the absence of a time window, not of the
    recording, and says nothing here.

    Returns:
        Labels, each (species,) float32.
    """
    everywhere = rows.present[None, :]
    known = _strongest(everywhere, rows, num_species)[0]
    return Labels((known > 0).float(), known)


def complete_labels(species: list[int], num_species: int) -> Labels:
    """The labels of a recording whose truth is complete: every other species is absent.

    Returns:
        Labels, each (species,) float32, known everywhere.
    """
    target = torch.zeros(num_species)
    target[species] = 1.0
    return Labels(target, torch.ones(num_species))


def _strongest(which: Tensor, rows: Rows, num_species: int) -> Tensor:
    """(windows, rows) -> (windows, species): the largest weight among the chosen rows, else 0."""
    weight = which * rows.weight  # (windows, rows)
    index = rows.species.expand_as(weight)
    zeros = torch.zeros(len(which), num_species, device=weight.device)
    return zeros.scatter_reduce(1, index, weight.float(), reduce="amax")
