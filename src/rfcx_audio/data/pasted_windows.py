"""The labels of windows with pasted calls: the call, and what is known of the background."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.batch import Labels, Rows
from rfcx_audio.data.labels import crop_windows, label_windows, rows_by_recording, rows_of
from rfcx_audio.data.sampler import CropRecipe
from rfcx_audio.data.soft_labels import NO_SOFT_LABELS, SoftLabels, with_soft

_AT_ONCE = 128  # windows that are labelled together


class PastedLabels(NamedTuple):
    """What is known of windows with pasted calls.

    Attributes:
        clip: (windows, species) twice.
        frame: (windows, label frames, species) twice.
        rows: that touch the windows, with times in s from the start of each window.
        touching: (windows, boxes) int64, which of `rows` touch each; -1 for no further one.
    """

    clip: Labels
    frame: Labels
    rows: Rows
    touching: Tensor


def label_pasted(
    table: pd.DataFrame,
    rows: pd.DataFrame,
    recipe: CropRecipe,
    num_species: int,
    soft: SoftLabels = NO_SOFT_LABELS,
) -> PastedLabels:
    """The labels of windows with pasted calls, as `label_windows` gives them.

    The row of the call covers its window; the rows of the background cover what they did before,
    but none of them is an absence beside a call without a band, with which any species may come.
    Everything else is as unknown as it was, or has the soft target of the background; complete
    spans of the background do not count.

    Args:
        table: of `PastedCalls.of_rows`, at least one line.
        rows: to train on.
        recipe: `duration_s` is that of the windows.
        num_species: width of the labels.
        soft: targets of what is unknown.
    """
    # From one window to the next, so that no row touches two.
    step_s = recipe.duration_s + 2 * float((rows["t_max"] - rows["t_min"]).max())
    starts_s = step_s * torch.arange(len(table), dtype=torch.float64)
    inside, window = _rows_in(table, rows, recipe.duration_s)
    shift = starts_s[window]
    whole = inside._replace(t_min=inside.t_min + shift, t_max=inside.t_max + shift)
    parts = [
        _label(whole, starts_s[first : first + _AT_ONCE], recipe, num_species)
        for first in range(0, len(table), _AT_ONCE)
    ]
    clip, frame = (
        Labels(*(torch.cat(side) for side in zip(*kind, strict=True)))
        for kind in zip(*parts, strict=True)
    )
    clip = _with_backgrounds(clip, table, recipe, soft)
    return PastedLabels(clip, frame, inside, _grouped(window, len(table)))


def _with_backgrounds(
    clip: Labels, table: pd.DataFrame, recipe: CropRecipe, soft: SoftLabels
) -> Labels:
    """The labels of windows, with the soft targets of their backgrounds where nothing is known."""
    target, known = clip.target.clone(), clip.known.clone()
    names, begins = table["background_id"].to_numpy(), table["background_s"].to_numpy(dtype=float)
    for name in soft.spans:
        which = torch.from_numpy(names == name)
        targets = soft.clip(name, torch.tensor(begins)[which], recipe.duration_s)
        own = Labels(clip.target[which], clip.known[which])
        target[which], known[which] = with_soft(own, targets, recipe.soft.weight)
    return Labels(target, known)


def _rows_in(table: pd.DataFrame, rows: pd.DataFrame, duration_s: float) -> tuple[Rows, Tensor]:
    """The rows that touch windows, with times from the start of their window; (rows,) which."""
    pasted = rows.iloc[table["row"].to_numpy(dtype=int)]
    anything = pasted.get("whole_band", pd.Series(False, pasted.index)).to_numpy(dtype=bool)
    calls = rows_of(pasted)
    offset_s = torch.tensor(table["offset_s"].to_numpy(dtype=float))
    length_s = (calls.t_max - calls.t_min).clamp(max=duration_s)
    found = [calls._replace(t_min=offset_s, t_max=offset_s + length_s)]
    windows = [torch.arange(len(table))]
    of_background = rows_by_recording(rows)
    backgrounds = zip(table["background_id"], table["background_s"], strict=True)
    for number, (name, begin) in enumerate(backgrounds):
        there = of_background.get(name)
        if there is None:
            continue
        touches = (there.t_min < begin + duration_s) & (there.t_max > begin)
        if anything[number]:
            touches &= there.present
        which = touches.nonzero()[:, 0]
        some = Rows(*(part[which] for part in there))
        found.append(some._replace(t_min=some.t_min - begin, t_max=some.t_max - begin))
        windows.append(torch.full((len(which),), number))
    return Rows(*(torch.cat(parts) for parts in zip(*found, strict=True))), torch.cat(windows)


def _label(
    rows: Rows, starts_s: Tensor, recipe: CropRecipe, num_species: int
) -> tuple[Labels, Labels]:
    """The labels of some windows in a row, and of their frames."""
    low, high = starts_s[0], starts_s[-1] + recipe.duration_s
    which = ((rows.t_max > low) & (rows.t_min < high)).nonzero()[:, 0]
    near = Rows(*(part[which] for part in rows))
    starts, durations = crop_windows(starts_s, recipe.duration_s, recipe.num_frames)
    found = label_windows(near, starts, durations, num_species, recipe.min_overlap)
    target, known = (part.view(len(starts_s), recipe.num_frames + 1, num_species) for part in found)
    return Labels(target[:, 0], known[:, 0]), Labels(target[:, 1:], known[:, 1:])


def _grouped(window: Tensor, count: int) -> Tensor:
    """Which elements belong to each window: (windows, most of any) int64, then -1."""
    order = torch.argsort(window, stable=True)
    numbers = torch.bincount(window, minlength=count)
    grouped = torch.full((count, int(numbers.max())), -1, dtype=torch.int64)
    place = torch.arange(len(window)) - torch.repeat_interleave(
        numbers.cumsum(0) - numbers, numbers
    )
    grouped[window[order], place] = order
    return grouped
