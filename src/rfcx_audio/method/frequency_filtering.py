"""Learning from one row of each crop, in the band of its class."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from rfcx_audio.batch import Boxes, CellLoss, CropLabels, Labels, Logits, SpectrogramBatch
from rfcx_audio.method.supervised import Supervised
from rfcx_audio.model import ClassBandDetector


def chosen_boxes(boxes: Boxes, usable: Tensor, generator: torch.Generator) -> Tensor:
    """One usable box of each example, drawn evenly.

    Args:
        boxes: (batch, boxes) each.
        usable: (batch, boxes) bool.
        generator: drawn from once for every box.

    Returns:
        (batch,) int64; without meaning where no box is usable.
    """
    drawn = torch.rand(usable.shape, device=usable.device, generator=generator)
    if not boxes.species.shape[1]:
        return torch.zeros(len(usable), dtype=torch.int64, device=usable.device)
    return (drawn * usable).argmax(1)


def random_starts(
    t_min: Tensor, t_max: Tensor, frames: Tensor, width: int, generator: torch.Generator
) -> Tensor:
    """Starts of windows that hold their row, or lie in it where that is longer.

    Args:
        t_min: (batch,) of the row, as a share of the crop.
        t_max: (batch,) of the row, as a share of the crop.
        frames: (batch,) length of the window.
        width: frames of the crop.
        generator: drawn from once for every example.

    Returns:
        (batch,) first frames, so that the window lies in the crop.
    """
    ends = torch.stack([t_max * width - frames, t_min * width])  # (2, batch)
    unit = torch.rand(len(t_min), device=t_min.device, generator=generator)
    low, high = ends.amin(0), ends.amax(0)
    last = (width - frames).clamp(min=0)
    return torch.minimum((low + unit * (high - low)).round().clamp(min=0), last)


class FrequencyFiltering(Supervised):
    """Frequency filtering: a crop teaches one class, in its band and at its row's time.

    Of each crop one row is drawn. Only the cell of its species has a loss, that of the configured
    loss for the row's class; all other cells have none, for nobody computed their logits. A row
    that the crop's labels do not bear out (because another row contradicts it, or after mixing) is
    not drawn. Validation, test and prediction slide every class over time.

    The bands are fixed, so an augmentation that moves frequencies (pitch, resized crops, flips up
    and down) moves calls out of their class's band.

    Takes the arguments of `Supervised`; `model` is a `ClassBandDetector`.

    Source: the deck, "Frequency filtering".
    """

    def check(self) -> None:
        """Refuses a model without bands.

        Raises:
            ValueError: the model is no `ClassBandDetector`.
        """
        if not isinstance(self.model, ClassBandDetector):
            raise ValueError(
                f"method=frequency_filtering trains a ClassBandDetector, not a "
                f"{type(self.model).__name__}; choose model=class_bands_crop or class_bands_mask"
            )

    def training_cells(self, batch: SpectrogramBatch) -> tuple[CellLoss, Labels]:
        """The losses of the drawn rows' cells."""
        model = cast(ClassBandDetector, self.model)
        spectrogram, said = batch.spectrogram, batch.labels
        generator = torch.Generator(spectrogram.device).manual_seed(batch.seed)
        usable = _borne_out(said) & (model.class_of(said.boxes.species, said.boxes.songtype) >= 0)
        box = chosen_boxes(said.boxes, usable, generator)[:, None]
        if not usable.shape[1]:
            nothing = self.nothing().expand(len(box))
            return self._cells(said, nothing, box * 0, box * 0.0, box > 0)
        row = Boxes(*(field.gather(1, box)[:, 0] for field in said.boxes))
        classes = model.class_of(row.species, row.songtype).clamp(min=0)
        frames, width = model.frames[classes], spectrogram.shape[3]
        start = random_starts(row.t_min, row.t_max, frames, width, generator)
        logits = model.of_classes(spectrogram, classes, start)
        weight = row.weight[:, None] * usable.gather(1, box)
        return self._cells(said, logits, row.species.clamp(min=0)[:, None], weight, row.present)

    def _cells(
        self, said: CropLabels, logits: Tensor, species: Tensor, weight: Tensor, present: Tensor
    ) -> tuple[CellLoss, Labels]:
        """The configured loss, with weight in one cell of each example only."""
        nothing = torch.zeros_like(said.clip.known)
        known = nothing.scatter(1, species, weight.to(nothing.dtype))
        target = nothing.scatter(1, species, present.to(nothing.dtype).view(-1, 1))
        clip = torch.zeros_like(nothing, dtype=logits.dtype).scatter(1, species, logits[:, None])
        labels = Labels(target, known)
        cells = self.loss(Logits(clip, clip[:, None]), said._replace(clip=labels))
        return CellLoss(cells.value, cells.weight * (known > 0)), labels


def _borne_out(said: CropLabels) -> Tensor:
    """(batch, boxes) bool: rows whose middle lies in the crop, and whose cell agrees."""
    boxes = said.boxes
    cell = boxes.species.clamp(min=0)
    middle = (boxes.t_min + boxes.t_max) / 2
    known, target = said.clip.known.gather(1, cell), said.clip.target.gather(1, cell)
    agrees = (known > 0) & ((target >= 0.5) == boxes.present)
    return (boxes.species >= 0) & agrees & (middle >= 0) & (middle <= 1)
