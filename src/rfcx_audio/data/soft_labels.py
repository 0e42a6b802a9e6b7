"""Soft labels: what teachers expect in every stretch of recordings, where no row labels it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.data.rows import AnnotationError, few

SOFT_METADATA = "soft_labels"
"""Key of a table's metadata: `teachers_saw`, the recordings whose labels its teachers saw."""

_TIMES = ("t_min", "t_max")
_ROUNDING_S = 1e-3
_FRAMES_OF_A_CROP = 4  # at least; longer spans place no call within a crop


class SoftSpans(NamedTuple):
    """Stretches of one recording, in the order of time.

    Attributes:
        starts_s: (spans,) float64 s.
        values: (spans, species) float32 in [0, 1].
    """

    starts_s: Tensor
    values: Tensor


@dataclass(frozen=True)
class SoftRecipe:
    """Which soft labels there are, and how much they count.

    Attributes:
        file: a table of scores: of `rfcx-audio relabel labelling=soft`, `predict` or `ensemble`;
            None for none.
        power: that probabilities are raised to, at least 1, so that unsure ones fade.
        weight: of a soft target, in [0, 1]; a row's is 1.

    Source: probabilities raised to a power, mixed with labelled crops, as in the first solution of
    BirdCLEF 2025; noisy student, Xie et al. (2020), arXiv:1911.04252.
    """

    file: str | None = None
    power: float = 2.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Raises ValueError where a number is out of range."""
        if self.power < 1 or not 0 <= self.weight <= 1:
            raise ValueError(
                f"data.crops.soft: power = {self.power}, weight = {self.weight}; expected a power "
                "of at least 1 and a weight in [0, 1]"
            )


@dataclass(frozen=True)
class SoftLabels:
    """The targets that teachers give, by recording.

    Attributes:
        spans: of each recording, all equally long.
        span_s: length of a span: of a window, or of a frame of teachers that localise.
        teachers_saw: the recordings whose labels the teachers saw; None: they may have seen any.
    """

    spans: Mapping[str, SoftSpans] = field(default_factory=dict)
    span_s: float = 0.0
    teachers_saw: tuple[str, ...] | None = ()

    @classmethod
    def read(cls, recipe: SoftRecipe, species: Sequence[str]) -> SoftLabels:
        """The soft labels of a file, raised to their power.

        Args:
            recipe: with the file; without one, there are none.
            species: names, in the order of the labels.

        Raises:
            AnnotationError: the file is missing, no such table, or lacks a species.
        """
        if recipe.file is None:
            return cls()
        try:
            arrow = pq.read_table(recipe.file)
        except (pa.ArrowInvalid, FileNotFoundError) as error:
            raise AnnotationError(
                f"data.soft_labels={recipe.file} is no table of scores ({error}); give the "
                "soft_labels.parquet that rfcx-audio relabel labelling=soft wrote, or null"
            ) from None
        metadata = json.loads((arrow.schema.metadata or {}).get(b"rfcx_audio", b"{}"))
        table = arrow.to_pandas()
        missing = [name for name in ("recording_id", *_TIMES, *species) if name not in table]
        if missing or table.empty:
            lost = f"lacks the column(s) {few(missing)}" if missing else "has no row"
            raise AnnotationError(
                f"data.soft_labels={recipe.file} {lost}; expected scores of windows of the species "
                f"{few(list(species))}: make them with rfcx-audio relabel labelling=soft"
            )
        saw = metadata.get(SOFT_METADATA, {}).get("teachers_saw")
        table[list(species)] **= recipe.power
        return cls.of_table(table, species, saw)

    @classmethod
    def of_table(
        cls, table: pd.DataFrame, species: Sequence[str], teachers_saw: Sequence[str] | None = ()
    ) -> SoftLabels:
        """Those of a table with `recording_id`, `t_min`, `t_max` (s) and a column a species."""
        ordered = table.sort_values(["recording_id", "t_min"], kind="stable")
        span_s = float((ordered["t_max"] - ordered["t_min"]).median())
        values = torch.tensor(ordered[list(species)].to_numpy(dtype=np.float32))
        starts_s = torch.tensor(ordered["t_min"].to_numpy(dtype=np.float64))
        names, first = np.unique(ordered["recording_id"].astype(str).to_numpy(), return_index=True)
        ends = [*first[1:], len(ordered)]
        spans = {
            str(name): SoftSpans(starts_s[begin:end], values[begin:end])
            for name, begin, end in zip(names, first, ends, strict=True)
        }
        return cls(spans, span_s, None if teachers_saw is None else tuple(teachers_saw))

    def within(self, names: Collection[str]) -> SoftLabels:
        """Those of some recordings.

        Raises:
            AnnotationError: there are soft labels, but of none of these.
        """
        spans = {name: own for name, own in self.spans.items() if name in names}
        if self.spans and not spans:
            raise AnnotationError(
                f"data.soft_labels has no recording to train on: it names "
                f"{few(sorted(self.spans))}, the recordings are {few(sorted(names))}; make it of "
                "these recordings, under these names"
            )
        return replace(self, spans=spans)

    def summary(self, held_out: Sequence[str], seen: Collection[str]) -> list[str]:
        """What there is, and whether the recordings that are held out are still evidence.

        Args:
            held_out: recordings.
            seen: those whose labels the teachers saw, or may have seen.
        """
        if not self.spans:
            return []
        leaked = set(held_out) & set(seen)
        lines = [
            f"{len(self.spans)} recordings to train on have soft labels, of stretches of "
            f"{self.span_s:.3g} s"
        ]
        if leaked:
            lines.append(
                f"their teachers saw the labels of {len(leaked)} of the {len(held_out)} recordings "
                "that are held out: the metrics val/… are optimistic, and scores of these "
                "recordings no out-of-fold evidence"
            )
        return lines

    def check(self, duration_s: float) -> None:
        """Refuses crops for which spans are too long.

        Args:
            duration_s: of a crop.

        Raises:
            ValueError: a span is longer, so that it may hold what the crop does not.
        """
        if self.span_s > duration_s + _ROUNDING_S:
            raise ValueError(
                f"the soft labels are of windows of {self.span_s:g} s, longer than a crop of "
                f"{duration_s:g} s; set data.crop_duration_s to {self.span_s:g} or more"
            )

    def places(self, durations_s: Mapping[str, float]) -> pd.DataFrame:
        """What crops are cut around: whole recordings, as `CropSampler` and `reachable` want them.

        Args:
            durations_s: of the recordings.
        """
        whole = [(name, 0.0, durations_s[name], True, True) for name in self.spans]
        columns = ["recording_id", "t_min", "t_max", "present", "pseudo"]
        return pd.DataFrame(whole, columns=pd.Index(columns))

    def localise(self, duration_s: float) -> bool:
        """Whether spans are short enough to place a call within a crop."""
        return self.span_s * _FRAMES_OF_A_CROP <= duration_s

    def clip(self, name: str, starts_s: Tensor, duration_s: float) -> Tensor:
        """The targets of crops: of spans as long as a crop, interpolated; else the highest inside.

        Args:
            name: a recording of `spans`.
            starts_s: (crops,) float64 s.
            duration_s: of a crop.

        Returns:
            (crops, species)
        """
        begins, values = self.spans[name]
        if self.span_s >= duration_s - _ROUNDING_S:
            after = torch.searchsorted(begins, starts_s).clamp(max=len(begins) - 1)
            before = (after - 1).clamp(min=0)
            gap_s = (begins[after] - begins[before]).clamp(min=_ROUNDING_S)
            share = ((starts_s - begins[before]) / gap_s).clamp(0, 1).float()[:, None]
            return torch.lerp(values[before], values[after], share)
        middle = begins + self.span_s / 2
        first, end = (torch.searchsorted(middle, at) for at in (starts_s, starts_s + duration_s))
        most = max([1, *(end - first).tolist()])  # spans in a crop, not all of the recording
        place = first[:, None] + torch.arange(most)
        held = values[place.clamp(max=len(middle) - 1)]  # (crops, most, species)
        return ((place < end[:, None])[..., None] * held).amax(1)

    def frame(self, name: str, starts_s: Tensor) -> Tensor:
        """The targets at the spans that hold some points in time: (points, species).

        Args:
            name: a recording of `spans`.
            starts_s: (points,) float64 s.
        """
        begins, values = self.spans[name]
        place = torch.searchsorted(begins, starts_s, right=True) - 1
        return values[place.clamp(0, len(begins) - 1)]


NO_SOFT_LABELS = SoftLabels()


def with_soft(labels: Labels, soft: Tensor, weight: float) -> Labels:
    """Labels whose unknown cells have soft targets; what is known stays exactly as it is.

    Args:
        labels: (..., species) twice.
        soft: (..., species) in [0, 1].
        weight: of a soft target, in [0, 1].
    """
    unknown = labels.known <= 0
    return Labels(
        torch.where(unknown, soft.to(labels.target), labels.target),
        torch.where(unknown, weight, labels.known),
    )
