"""The crops of stored features that can be drawn: which a draw means, and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rfcx_audio.batch import Boxes, CropLabels, Labels, Rows
from rfcx_audio.data.pasted_windows import PastedLabels
from rfcx_audio.data.sampler import SEEDS


@dataclass(frozen=True)
class LabelledWindows:
    """The crops that can be drawn, and what is known of each.

    Attributes:
        recordings: ids, of the recordings with rows or spans.
        recording: (crops,) int64, place in `recordings`.
        first: (crops,) int64, the crop's first window in the store, counted in its recording.
        starts_s: (crops,) float64, s.
        clip: (crops, species) twice.
        frame: (crops, label frames, species) twice.
        truth: (crops, species) twice.
        rows: all rows.
        touching: (crops, boxes) int64, the rows that touch each crop; -1 for no further one.
        choices: for each row, then each span, the crops that it labels; for one that labels none,
            the crop that holds most of it.
        background: by recording with rows, the crops that no row touches.
        unlabelled: how many rows and spans label no crop.
        pasted: of rows, the crops with their call pasted onto other sound, which stand behind those
            of `first`.
        pasted_share: of a row's draws, those of its pasted crops, where it has any.
    """

    recordings: list[str]
    recording: np.ndarray
    first: np.ndarray
    starts_s: Tensor
    clip: Labels
    frame: Labels
    truth: Labels
    rows: Rows
    touching: Tensor
    choices: list[np.ndarray]
    background: list[np.ndarray]
    unlabelled: int
    pasted: Mapping[int, np.ndarray] = field(default_factory=dict)
    pasted_share: float = 0.0

    def chosen(self, place: int, seed: int) -> int:
        """The crop of a draw, see `Draw`; of background where `place` is below 0.

        Raises:
            ValueError: background is drawn, and rows touch every crop.
        """
        if place >= 0:
            # The seed's high digits choose the kind, its low ones the crop.
            pasted = place in self.pasted and seed < self.pasted_share * SEEDS
            crops = self.pasted[place] if pasted else self.choices[place]
            return int(crops[seed % len(crops)])
        if not self.background:
            raise ValueError(
                "no recording has a window without an annotation; set data.crops.background_share=0"
            )
        crops = self.background[seed % len(self.background)]
        return int(crops[seed // len(self.background) % len(crops)])

    def with_pasted(
        self, row_of: np.ndarray, labels: PastedLabels, share: float
    ) -> LabelledWindows:
        """The same, and crops with pasted calls.

        Args:
            row_of: (crops,) int64, the row of each pasted call.
            labels: of the crops.
            share: see `pasted_share`.
        """
        count, before = len(self.starts_s), len(self.rows.species)
        nothing = Labels(torch.zeros_like(labels.clip.target), torch.zeros_like(labels.clip.known))
        width = max(self.touching.shape[1], labels.touching.shape[1])
        moved = torch.where(labels.touching >= 0, labels.touching + before, -1)
        touching = [
            functional.pad(part, (0, width - part.shape[1]), value=-1)
            for part in (self.touching, moved)
        ]
        order = np.argsort(row_of, kind="stable")
        found, firsts = np.unique(row_of[order], return_index=True)
        return replace(
            self,
            starts_s=torch.cat([self.starts_s, torch.zeros(len(row_of), dtype=torch.float64)]),
            clip=_joined(self.clip, labels.clip),
            frame=_joined(self.frame, labels.frame),
            truth=_joined(self.truth, nothing),
            rows=Rows(*(torch.cat(pair) for pair in zip(self.rows, labels.rows, strict=True))),
            touching=torch.cat(touching),
            pasted=dict(zip(found.tolist(), np.split(count + order, firsts[1:]), strict=True)),
            pasted_share=share,
        )

    def labels(self, crops: Tensor) -> CropLabels:
        """The labels of crops, boxes in s from the start of the crop and in Hz.

        Args:
            crops: (batch,) int64.
        """
        which, start_s = self.touching[crops], self.starts_s[crops, None]  # (batch, boxes)
        found = which >= 0
        values = {name: getattr(self.rows, name)[which * found] for name in Boxes._fields}
        values |= {name: values[name] - start_s for name in ("t_min", "t_max")}
        values = {
            name: torch.where(found, value, torch.zeros_like(value))
            for name, value in values.items()
        }
        values |= {name: values[name].float() for name in ("t_min", "t_max", "f_min", "f_max")}
        values |= {"species": torch.where(found, values["species"], -1)}
        clip, frame, truth = (
            Labels(one.target[crops], one.known[crops])
            for one in (self.clip, self.frame, self.truth)
        )
        return CropLabels(clip, frame, Boxes(**values), truth)


def _joined(first: Labels, second: Labels) -> Labels:
    return Labels(*(torch.cat(pair) for pair in zip(first, second, strict=True)))
