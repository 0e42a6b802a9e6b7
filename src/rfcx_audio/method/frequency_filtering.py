"""Learning from crops in the bands of their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rfcx_audio.batch import Boxes, CellLoss, CropLabels, Labels, Logits, SpectrogramBatch
from rfcx_audio.inference import SlidingWindows
from rfcx_audio.loss import Reduction
from rfcx_audio.method.supervised import Supervised
from rfcx_audio.metric import Metrics
from rfcx_audio.model import ClassBandDetector

Hear = Literal["row", "all"]


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


def random_classes(species: Tensor, num_species: int, draw: Tensor) -> Tensor:
    """One class of each species, all of a species' classes equally often.

    Args:
        species: (classes,) int64, each class's.
        num_species: all of which have a class.
        draw: (batch, classes), drawn evenly from [0, 1).

    Returns:
        (batch, species) int64.
    """
    theirs = species == torch.arange(num_species, device=species.device)[:, None]
    return torch.where(theirs, draw[:, None], -1).argmax(2)


class FrequencyFiltering(Supervised):
    """Frequency filtering: a crop teaches classes in their own bands.

    Of each crop one row is drawn, and the cell of its species has the configured loss, in the band
    of the row's class and over its time. A row that the crop's labels do not bear out (because
    another row contradicts it, or after mixing) is not drawn. With `hear="row"` that is all: no
    other cell is computed or has a loss. With `hear="all"` the species that no row of the crop
    speaks of are heard too, each in the band of one of its classes and over a stretch of time that
    is drawn, and the loss does with them what it does with the unknown. Species that other rows of
    the crop speak of have none. Validation, test and prediction slide every class over time.

    The bands are fixed, so an augmentation that moves frequencies (pitch, resized crops, flips up
    and down) moves calls out of their class's band.

    Args:
        model: a `ClassBandDetector`.
        loss: see `Supervised`.
        optimizer: see `Supervised`.
        scheduler: see `Supervised`.
        metrics: see `Supervised`.
        windows: see `Supervised`.
        reduction: see `Supervised`.
        hear: `row` or `all`, which with 24 species and crops of 32 x 32 costs about as much as a
            whole window.

    Raises:
        ValueError: there is no such `hear`, the loss has no use for `all`, or `Supervised` refuses
            its arguments.

    Source: the deck, "Frequency filtering", for `hear="row"`.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        metrics: Metrics,
        windows: SlidingWindows,
        reduction: Reduction = "known",
        hear: Hear = "row",
    ) -> None:
        super().__init__(model, loss, optimizer, scheduler, metrics, windows, reduction)
        if hear not in get_args(Hear):
            raise ValueError(f"method.hear {hear!r} does not exist; choose row or all")
        if hear == "all" and not self.weighs_unknown():
            raise ValueError(
                "the loss leaves unknown cells out, so method.hear=all hears them in vain; choose "
                "loss=weak_negatives or loss=bce, or method.hear=row"
            )
        self.hear: Hear = hear

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
        """The losses of the cells that are heard."""
        model = cast(ClassBandDetector, self.model)
        spectrogram, said = batch.spectrogram, batch.labels
        generator = torch.Generator(spectrogram.device).manual_seed(batch.seed)
        places, labels = _row_places(model, said, spectrogram.shape[3], generator)
        heard = labels.known > 0
        if self.hear == "all":
            others = _random_places(model, heard, spectrogram.shape[3], generator)
            places = _Places(
                *(
                    torch.where(heard, other.scatter(1, places.species, row), other)
                    for row, other in zip(places, others, strict=True)
                )
            )
            heard = heard | (said.clip.known <= 0)
        logits = model.of_classes(spectrogram, places.classes, places.start)
        clip = torch.zeros_like(labels.known, dtype=logits.dtype)
        clip = clip.scatter(1, places.species, logits)
        # What other rows say stays known to the loss: it is not heard, and not estimated either.
        known = torch.where(heard, labels.known, said.clip.known)
        target = torch.where(heard, labels.target, said.clip.target)
        told = Labels(target, known) if self.hear == "all" else labels
        cells = self.loss(Logits(clip, clip[:, None]), said._replace(clip=told))
        return CellLoss(cells.value, cells.weight * heard), labels


class _Places(NamedTuple):
    """Where some species of each example are heard, (batch, some) each."""

    species: Tensor
    classes: Tensor
    start: Tensor


def _row_places(
    model: ClassBandDetector, said: CropLabels, width: int, generator: torch.Generator
) -> tuple[_Places, Labels]:
    """Where one row of each example lies, and what it says; nothing where none can be drawn."""
    nothing = torch.zeros_like(said.clip.known)
    usable = _borne_out(said) & (model.class_of(said.boxes.species, said.boxes.songtype) >= 0)
    if not usable.shape[1]:
        none = torch.zeros(len(nothing), 1, dtype=torch.int64, device=nothing.device)
        return _Places(none, none, none.to(nothing.dtype)), Labels(nothing, nothing)
    box = chosen_boxes(said.boxes, usable, generator)[:, None]
    row = Boxes(*(field.gather(1, box) for field in said.boxes))
    species = row.species.clamp(min=0)
    classes = model.class_of(row.species, row.songtype).clamp(min=0)
    frames = model.frames[classes[:, 0]]
    start = random_starts(row.t_min[:, 0], row.t_max[:, 0], frames, width, generator)
    weight = row.weight * usable.gather(1, box)
    labels = Labels(
        target=nothing.scatter(1, species, row.present.to(nothing.dtype)),
        known=nothing.scatter(1, species, weight.to(nothing.dtype)),
    )
    return _Places(species, classes, start[:, None]), labels


def _random_places(
    model: ClassBandDetector, like: Tensor, width: int, generator: torch.Generator
) -> _Places:
    """One place of each species of `like` (batch, species), anywhere in the crop."""

    def draw(number: int) -> Tensor:
        return torch.rand(len(like), number, device=like.device, generator=generator)

    species = torch.arange(like.shape[1], device=like.device).expand_as(like)
    classes = random_classes(model.species, like.shape[1], draw(len(model.species)))
    room = (width - model.frames[classes]).clamp(min=0)
    start = draw(like.shape[1]).mul(room + 1).floor().clamp(max=room)
    return _Places(species, classes, start)


def _borne_out(said: CropLabels) -> Tensor:
    """(batch, boxes) bool: rows whose middle lies in the crop, and whose cell agrees."""
    boxes = said.boxes
    cell = boxes.species.clamp(min=0)
    middle = (boxes.t_min + boxes.t_max) / 2
    known, target = said.clip.known.gather(1, cell), said.clip.target.gather(1, cell)
    agrees = (known > 0) & ((target >= 0.5) == boxes.present)
    return (boxes.species >= 0) & agrees & (middle >= 0) & (middle <= 1)
