"""Training on crops within the frequency bands of their classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rfcx_audio.batch import Boxes, CellLoss, CropLabels, Labels, Logits, SpectrogramBatch
from rfcx_audio.data import NO_SOFT_LABELS
from rfcx_audio.loss import Reduction
from rfcx_audio.method.supervised import Supervised
from rfcx_audio.metric import Metrics
from rfcx_audio.model import ClassBandDetector
from rfcx_audio.scoring import SlidingWindows

_AT_PEAK = 0.5  # of the places of a species, those where the frames' target is highest
_AT_ONCE = 64  # species of a crop that are scored; of more, random ones beside the drawn row's
TrainOn = Literal["row", "all"]
"""Which species of a crop have a loss: that of the drawn row, or the unlabelled ones too."""


def chosen_boxes(boxes: Boxes, usable: Tensor, generator: torch.Generator) -> Tensor:
    """One usable box of each example, all with equal probability.

    Args:
        boxes: (batch, boxes) each.
        usable: (batch, boxes) bool.
        generator: drawn from once for every box.

    Returns:
        (batch,) int64; arbitrary where no box is usable.
    """
    drawn = torch.rand(usable.shape, device=usable.device, generator=generator)
    if not boxes.species.shape[1]:
        return torch.zeros(len(usable), dtype=torch.int64, device=usable.device)
    return (drawn * usable).argmax(1)


def random_starts(
    t_min: Tensor, t_max: Tensor, frames: Tensor, width: int, generator: torch.Generator
) -> Tensor:
    """Random starts of windows that contain their row, or lie within it where it is longer.

    Args:
        t_min: (batch,) of the row, as a share of the crop.
        t_max: (batch,) of the row, as a share of the crop.
        frames: (batch,) length of the window.
        width: frames of the crop.
        generator: drawn from once for every example.

    Returns:
        (batch,) first frame of each window, which lies within the crop.
    """
    ends = torch.stack([t_max * width - frames, t_min * width])  # (2, batch)
    unit = torch.rand(len(t_min), device=t_min.device, generator=generator)
    low, high = ends.amin(0), ends.amax(0)
    last = (width - frames).clamp(min=0)
    return torch.minimum((low + unit * (high - low)).round().clamp(min=0), last)


def random_classes(songs: Tensor, is_song: Tensor, draw: Tensor) -> Tensor:
    """One class (a song) of each species, all with equal probability.

    Args:
        songs: (species, most songs) int64, the classes of each species.
        is_song: the same shape, bool; each species has at least one.
        draw: (batch, classes), drawn evenly from [0, 1).

    Returns:
        (batch, species) int64.
    """
    drawn = torch.where(is_song, draw[:, songs], -1.0)  # (batch, species, most songs)
    return songs.expand_as(drawn).gather(2, drawn.argmax(2, keepdim=True))[..., 0]


class FrequencyFiltering(Supervised):
    """Frequency filtering: the network scores each class in the class's own band only.

    From each crop one row is drawn. The cell of its species is scored in the band of the row's
    class, over a window at the row's time, and has the configured loss. Rows that disagree with the
    crop's labels (another row contradicts them, or the crop was mixed) are not drawn.

    With `train_on="row"` no other cell is computed or has a loss. With `train_on="all"` the species
    that no row of the crop labels are scored too, each in the band of one of its classes and at a
    random time, and the loss treats them as unknown. Where the labels of the crop's frames know
    more of them, as complete or soft labels do, the label in the middle of the place counts, and
    every second place is that of the highest target. Species of the crop's other rows have no loss.
    Validation, test and prediction slide every class over time.

    The bands are fixed, so an augmentation that moves frequencies (pitch shift, resized crops,
    flips of the frequency axis) moves calls out of their class's band.

    Args:
        model: a `ClassBandDetector`.
        loss: see `Supervised`.
        optimizer: see `Supervised`.
        scheduler: see `Supervised`.
        metrics: see `Supervised`.
        windows: see `Supervised`.
        reduction: see `Supervised`.
        train_on: `row`, the drawn row's species, or `all`, the unlabelled species too. With 24
            species and crops of 32 x 32, `all` costs about as much as a whole window.

    Raises:
        ValueError: there is no such `train_on`, `all` with a loss that gives unknown cells no
            weight, or `Supervised` refuses its arguments.

    Source: the deck, "Frequency filtering", for `train_on="row"`.
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
        train_on: TrainOn = "row",
    ) -> None:
        super().__init__(model, loss, optimizer, scheduler, metrics, windows, reduction)
        if train_on not in get_args(TrainOn):
            raise ValueError(f"method.train_on {train_on!r} does not exist; choose row or all")
        if train_on == "all" and not self.weighs_unknown():
            raise ValueError(
                "the loss gives unknown cells no weight, so method.train_on=all has no effect; "
                "choose loss=weak_negatives or loss=bce, or method.train_on=row"
            )
        self.train_on: TrainOn = train_on

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

    def setup(self, stage: str) -> None:
        """See `Supervised.setup`.

        Raises:
            ValueError: soft labels are of whole windows, in which a band has no place.
        """
        super().setup(stage)
        if stage != "fit":
            return
        data: Any = getattr(self.trainer, "datamodule", None)
        soft = getattr(data, "soft", NO_SOFT_LABELS)
        if soft.spans and not soft.localise(data.crops.duration_s):
            raise ValueError(
                f"the soft labels are of stretches of {soft.span_s:g} s, and "
                "method=frequency_filtering needs to know where in a crop a call is; choose "
                "teachers that localise (experiment=best, model/head=sed), or method=supervised"
            )

    def training_cells(self, batch: SpectrogramBatch) -> tuple[CellLoss, Labels]:
        """The losses of the cells that are trained on."""
        model = cast(ClassBandDetector, self.model)
        spectrogram, crops = batch.spectrogram, batch.labels
        generator = torch.Generator(spectrogram.device).manual_seed(batch.seed)
        places, labels = _row_places(model, crops, spectrogram.shape[3], generator)
        if self.train_on == "all":
            width = spectrogram.shape[3]
            places = _with_others(model, places, labels.known > 0, crops.frame, width, generator)
            labels = _with_frames(labels, crops, _frame_labels(model, places, crops.frame, width))
        labelled = labels.known > 0
        # Labels of other rows stay known to the loss: their cells are not trained on, and a loss
        # that estimates unknown cells must not estimate them.
        known = torch.where(labelled, labels.known, crops.clip.known)
        target = torch.where(labelled, labels.target, crops.clip.target)
        logits = model.of_classes(spectrogram, places.classes, places.start)
        clip = torch.zeros_like(labels.known, dtype=logits.dtype)
        clip = clip.scatter(1, places.species, logits)
        of_clip, trained = labels, labelled
        if self.train_on == "all":
            scored = torch.zeros_like(labelled).scatter(1, places.species, True)
            of_clip, trained = Labels(target, known), scored & (labelled | (known <= 0))
        cells = self.loss(Logits(clip, clip[:, None]), crops._replace(clip=of_clip))
        return CellLoss(cells.value, cells.weight * trained), labels


class _Places(NamedTuple):
    """Where some species of each example are scored, (batch, some) each.

    Attributes:
        species: int64.
        classes: int64, the class in whose band the species is scored.
        start: first frame of the window.
    """

    species: Tensor
    classes: Tensor
    start: Tensor


def _row_places(
    model: ClassBandDetector, crops: CropLabels, width: int, generator: torch.Generator
) -> tuple[_Places, Labels]:
    """The place and the labels of one row of each example; `known` is 0 where none is usable."""
    nothing = torch.zeros_like(crops.clip.known)
    usable = _agreeing(crops) & (model.class_of(crops.boxes) >= 0)
    if not usable.shape[1]:
        none = torch.zeros(len(nothing), 1, dtype=torch.int64, device=nothing.device)
        return _Places(none, none, none.to(nothing.dtype)), Labels(nothing, nothing)
    box = chosen_boxes(crops.boxes, usable, generator)[:, None]
    row = Boxes(*(field.gather(1, box) for field in crops.boxes))
    species = row.species.clamp(min=0)
    classes = model.class_of(row).clamp(min=0)
    frames = model.frames[classes[:, 0]]
    start = random_starts(row.t_min[:, 0], row.t_max[:, 0], frames, width, generator)
    weight = row.weight * usable.gather(1, box)
    labels = Labels(
        target=nothing.scatter(1, species, row.present.to(nothing.dtype)),
        known=nothing.scatter(1, species, weight.to(nothing.dtype)),
    )
    return _Places(species, classes, start[:, None]), labels


def _with_others(
    model: ClassBandDetector,
    row: _Places,
    trained: Tensor,
    frame: Labels,
    width: int,
    generator: torch.Generator,
) -> _Places:
    """A place of every species of each example, or of `_AT_ONCE` different ones.

    Args:
        model: with the classes of the species.
        row: of the drawn rows, (batch, 1).
        trained: (batch, species) bool, true for the species of a usable row: it keeps its place,
            the others have random ones, or that of the highest target among the frames.
        frame: (batch, label frames, species) twice.
        width: frames of the crop.
        generator: of the draws.
    """

    def draw(number: int) -> Tensor:
        return torch.rand(len(trained), number, device=trained.device, generator=generator)

    count = trained.shape[1]
    species = torch.arange(count, device=trained.device).expand_as(trained)
    classes = random_classes(model.songs, model.is_song, draw(len(model.species)))
    if count > _AT_ONCE:
        species = draw(count).masked_fill(trained, 1.0).topk(_AT_ONCE, dim=1).indices
        classes = classes.gather(1, species)
    room = (width - model.frames[classes]).clamp(min=0)
    start = draw(species.shape[1]).mul(room + 1).floor().clamp(max=room)
    expected = frame.target * frame.known  # (batch, label frames, species)
    peak = (expected.argmax(1).gather(1, species) + 0.5) * width / expected.shape[1]
    at_peak = (draw(species.shape[1]) < _AT_PEAK) & (expected.amax(1).gather(1, species) > 0)
    centred = (peak - model.frames[classes] / 2).round().clamp(min=0)
    start = torch.where(at_peak, torch.minimum(centred, room), start)
    own = trained.gather(1, species)
    classes, start = torch.where(own, row.classes, classes), torch.where(own, row.start, start)
    return _Places(species, classes, start)


def _frame_labels(model: ClassBandDetector, places: _Places, frame: Labels, width: int) -> Labels:
    """What is known in the middle of places, (batch, species) each; 0 of species without one."""
    count = frame.known.shape[1]
    middle = places.start + model.frames[places.classes].clamp(max=width) / 2
    which = (middle * count / width).long().clamp(0, count - 1)  # (batch, some)
    example = torch.arange(len(which), device=which.device)[:, None]
    found = [part[example, which, places.species] for part in frame]
    nothing = torch.zeros_like(frame.known[:, 0])
    return Labels(*(nothing.scatter(1, places.species, part) for part in found))


def _with_frames(labels: Labels, crops: CropLabels, of_frames: Labels) -> Labels:
    """The labels of drawn rows, and of frames for species that no row of the crop is of."""
    boxes = crops.boxes
    is_box = (boxes.species >= 0).to(labels.known.dtype)
    count = torch.zeros_like(labels.known).scatter_add(1, boxes.species.clamp(min=0), is_box)
    which = (count == 0) & (of_frames.known > 0)
    pairs = zip(of_frames, labels, strict=True)
    return Labels(*(torch.where(which, frame, own) for frame, own in pairs))


def _agreeing(crops: CropLabels) -> Tensor:
    """(batch, boxes) bool: rows whose middle lies in the crop, and whose label is the crop's."""
    boxes = crops.boxes
    cell = boxes.species.clamp(min=0)
    middle = (boxes.t_min + boxes.t_max) / 2
    known, target = crops.clip.known.gather(1, cell), crops.clip.target.gather(1, cell)
    agrees = (known > 0) & ((target >= 0.5) == boxes.present)
    return (boxes.species >= 0) & agrees & (middle >= 0) & (middle <= 1)
