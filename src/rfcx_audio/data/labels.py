"""From rows (species, time window) to labels of crops and windows: present, absent, unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from rfcx_audio.batch import Boxes, Labels, Rows


def rows_of(table: pd.DataFrame) -> Rows:
    """The rows of one recording as tensors.

    Args:
        table: rows with `species_id`, `songtype_id`, `present`, `weight`, `t_min`, `t_max`,
            `f_min`, `f_max`.
    """
    return Rows(
        species=torch.tensor(table["species_id"].to_numpy(dtype="int64")),
        present=torch.tensor(table["present"].to_numpy(dtype=bool)),
        weight=torch.tensor(table["weight"].to_numpy(dtype="float32")),
        t_min=torch.tensor(table["t_min"].to_numpy(dtype="float64")),
        t_max=torch.tensor(table["t_max"].to_numpy(dtype="float64")),
        songtype=torch.tensor(table["songtype_id"].to_numpy(dtype="int64")),
        f_min=torch.tensor(table["f_min"].to_numpy(dtype="float64")),
        f_max=torch.tensor(table["f_max"].to_numpy(dtype="float64")),
    )


def rows_by_recording(rows: pd.DataFrame) -> dict[str, Rows]:
    """`rows_of` each recording, by its id."""
    return {str(name): rows_of(group) for name, group in rows.groupby("recording_id", sort=True)}


def joined(rows: Rows, others: Rows) -> Rows:
    """The rows of one recording, behind one another."""
    return Rows(*(torch.cat(pair) for pair in zip(rows, others, strict=True)))


def label_windows(
    rows: Rows,
    starts_s: Tensor,
    duration_s: float | Tensor,
    num_species: int,
    min_overlap: float,
    complete: Tensor | None = None,
) -> Labels:
    """The labels that a recording's rows give to windows in it.

    A row covers a window when at least `min_overlap` of the row's duration, or of the window's
    where that is shorter, lies in both. A species is present where a TP row covers. It is absent
    where no TP row touches the window at all, and an FP row covers or the truth is complete.
    Everything else is unknown; so is a window that holds only a small part of a confirmed call.

    A call anywhere makes a window present, but an FP row rules out its own time only. An absence is
    therefore known to the share of the window's time that FP rows cover, so that 0.3 s without the
    species make a window of 6 s absent with a weight of 0.05.

    Args:
        rows: of one recording.
        starts_s: (windows,) s.
        duration_s: of every window, or (windows,) of each.
        num_species: width of the labels.
        min_overlap: in (0, 1].
        complete: (windows, species) bool, where every call is a row, see `Coverage.windows`; None:
            nowhere.

    Returns:
        Labels, each (windows, species) float32. `known` of a presence is the largest weight of the
        rows that cover, of an absence the covered share of the window, weighted by its rows, or 1
        where the truth is complete.
    """
    starts = starts_s.to(rows.t_min)[:, None]  # (windows, 1)
    duration = duration_s[:, None] if isinstance(duration_s, Tensor) else duration_s
    overlap = torch.minimum(rows.t_max, starts + duration) - torch.maximum(rows.t_min, starts)
    shorter = torch.clamp(rows.t_max - rows.t_min, max=duration)  # pyright: ignore[reportCallIssue, reportArgumentType]
    covers = overlap >= min_overlap * shorter - 1e-9  # (windows, rows)
    touches = overlap > 0

    which = torch.stack([covers & rows.present, touches & rows.present])
    present, touched = _strongest(which, rows, num_species)  # (windows, species) each
    share = torch.where(covers & ~rows.present, overlap / duration * rows.weight, 0).float()
    absent = torch.zeros_like(present).scatter_add(1, rows.species.expand_as(share), share)
    absent = absent.clamp(max=1)  # rows of one species may overlap
    target = (present > 0).float()
    if complete is not None:
        absent = torch.where(complete, 1.0, absent)
    known = torch.where(present > 0, present, torch.where(touched > 0, 0.0, absent))
    return Labels(target, known)


def true_windows(
    calls: Rows, starts_s: Tensor, duration_s: float | Tensor, num_species: int, min_overlap: float
) -> Labels:
    """What windows hold, where every call of their recording is known; see `label_windows`.

    Args:
        calls: all of one recording.
        starts_s: (windows,) s.
        duration_s: of every window, or (windows,) of each.
        num_species: width of the labels.
        min_overlap: in (0, 1].

    Returns:
        Labels, each (windows, species) float32.
    """
    everywhere = torch.ones(len(starts_s), num_species, dtype=torch.bool)
    return label_windows(calls, starts_s, duration_s, num_species, min_overlap, everywhere)


def crop_windows(starts_s: Tensor, duration_s: float, num_frames: int) -> tuple[Tensor, Tensor]:
    """The windows whose labels are those of crops: of each, the crop itself, then its label frames.

    All are windows of one call of `label_windows`, whose cost is its many small steps.

    Args:
        starts_s: (crops,) float64 s.
        duration_s: of a crop.
        num_frames: label frames of a crop.

    Returns:
        Starts and durations, each (crops * (1 + num_frames),) float64 s.
    """
    frame_s = duration_s / num_frames
    frames = frame_s * torch.arange(num_frames, dtype=torch.float64)
    offsets = torch.cat([torch.zeros(1, dtype=torch.float64), frames])
    durations = torch.full_like(offsets, frame_s)
    durations[0] = duration_s
    return (starts_s[:, None] + offsets).flatten(), durations.repeat(len(starts_s))


def boxes_in(rows: Rows, start_s: float, duration_s: float) -> Boxes:
    """The rows that touch a crop, as boxes of that crop.

    Args:
        rows: of one recording.
        start_s: of the crop.
        duration_s: of the crop.

    Returns:
        Boxes, each (boxes,), in s from the start of the crop and Hz.
    """
    touches = (rows.t_min < start_s + duration_s) & (rows.t_max > start_s)
    which = touches.nonzero()[:, 0]  # once for all
    inside = Rows(*(part[which] for part in rows))
    return Boxes(
        species=inside.species,
        songtype=inside.songtype,
        present=inside.present,
        weight=inside.weight,
        t_min=(inside.t_min - start_s).float(),
        t_max=(inside.t_max - start_s).float(),
        f_min=inside.f_min.float(),
        f_max=inside.f_max.float(),
    )


def stack_boxes(boxes: list[Boxes]) -> Boxes:
    """The boxes of several crops, each (crops, boxes), padded with species -1 and zeros."""
    fields = {
        name: pad_sequence(
            [getattr(one, name) for one in boxes],
            batch_first=True,
            padding_value=-1 if name == "species" else 0,
        )
        for name in Boxes._fields
    }
    return Boxes(**fields)


def label_recording(rows: Rows, num_species: int, complete: Tensor | None = None) -> Labels:
    """The labels that rows give to their recording as a whole.

    A TP row makes its species present. An FP row is the absence of a time window, not of the
    recording, and labels nothing here.

    Args:
        rows: of the recording.
        num_species: width of the labels.
        complete: (species,) bool, of which every call is a row, so that a species without one is
            absent; None: of none.

    Returns:
        Labels, each (species,) float32.
    """
    everywhere = rows.present[None, :]
    present = _strongest(everywhere, rows, num_species)[0]
    absent = torch.zeros(num_species) if complete is None else complete.float()
    return Labels((present > 0).float(), torch.where(present > 0, present, absent))


def complete_labels(species: list[int], num_species: int) -> Labels:
    """The labels of a recording whose truth is complete: every other species is absent.

    Returns:
        Labels, each (species,) float32, known everywhere.
    """
    target = torch.zeros(num_species)
    target[species] = 1.0
    return Labels(target, torch.ones(num_species))


def known_share(rows: pd.DataFrame, num_species: int) -> float:
    """The share of (recording, species) cells that any row labels; nan without rows.

    Args:
        rows: with `recording_id` and `species_id`.
        num_species: of each recording, labelled or not.
    """
    cells = rows.drop_duplicates(["recording_id", "species_id"])
    return len(cells) / (rows["recording_id"].nunique() * num_species) if len(rows) else np.nan


def _strongest(which: Tensor, rows: Rows, num_species: int) -> Tensor:
    """(..., rows) -> (..., species): the largest weight among the chosen rows, else 0."""
    weight = (which * rows.weight).float()  # (..., rows)
    zeros = weight.new_zeros(*weight.shape[:-1], num_species)
    return zeros.scatter_reduce(-1, rows.species.expand_as(weight), weight, reduce="amax")
