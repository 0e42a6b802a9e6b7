from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Boxes, ClassBands, Labels, SpectrogramBatch, unknown_labels
from rfcx_audio.loss import EPR, MaskedBCE
from rfcx_audio.method import FrequencyFiltering, constant
from rfcx_audio.method import frequency_filtering as module
from rfcx_audio.method.frequency_filtering import (
    chosen_boxes,
    random_classes,
    random_starts,
)
from rfcx_audio.metric import Lwlrap, MaskedAUROC, Metrics
from rfcx_audio.scoring import SlidingWindows

SPECIES = 3
BANDS = ClassBands(
    *torch.tensor([[0, 1, 2], [1, 1, 1], [0, 0, 0], [8, 8, 8], [4, 4, 4]]),
    *torch.tensor([[100.0, 100.0, 100.0], [800.0, 800.0, 800.0]]),
)


class OneWeightAClass(nn.Module):
    """A stand-in whose logit is the weight of the class; it keeps the places of its last call."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))
        self.frames = torch.tensor([4, 4, 4])
        self.bands = BANDS
        self.species = BANDS.species
        self.songs, self.is_song = torch.arange(3)[:, None], torch.ones(3, 1, dtype=torch.bool)

    def class_of(self, boxes: Boxes) -> Tensor:
        return torch.where(boxes.songtype == 1, boxes.species, -1)

    def of_classes(self, spectrogram: Tensor, classes: Tensor, start: Tensor) -> Tensor:
        assert ((start >= 0) & (start <= spectrogram.shape[3] - 4)).all()
        self.classes, self.start = classes, start
        return self.weight[classes]


def method(unknown_weight: float = 0.0, **more: Any) -> FrequencyFiltering:
    return FrequencyFiltering(
        model=OneWeightAClass(),
        loss=MaskedBCE(unknown_weight),
        optimizer=torch.optim.SGD,
        scheduler=constant,
        metrics=Metrics({"auc": MaskedAUROC(SPECIES)}, {"lwlrap": Lwlrap(SPECIES)}),
        windows=SlidingWindows(6.0),
        **more,
    )


def boxes(*rows: tuple[int, bool]) -> Boxes:
    """One example a row, with one box in the middle of its crop."""
    species = torch.tensor([[row[0]] for row in rows])
    there = torch.ones(len(rows), 1)
    return Boxes(
        species=species,
        songtype=torch.ones_like(species),
        present=torch.tensor([[row[1]] for row in rows]),
        weight=0.5 * there,
        t_min=0.4 * there,
        t_max=0.6 * there,
        f_min=0 * there,
        f_max=there,
    )


def batch(rows: Boxes) -> SpectrogramBatch:
    clip = Labels(torch.zeros(len(rows.species), SPECIES), torch.zeros(len(rows.species), SPECIES))
    for crop, (species, present) in enumerate(zip(rows.species, rows.present, strict=True)):
        if species >= 0:
            clip.target[crop, species], clip.known[crop, species] = float(present), 1.0
    labels = unknown_labels(len(rows.species), SPECIES)._replace(clip=clip, boxes=rows)
    return SpectrogramBatch(torch.randn(len(rows.species), 1, 8, 20), labels, seed=3)


@pytest.mark.parametrize("unknown_weight", [0.0, 1.0])
def test_only_the_drawn_rows_cell_has_weight(unknown_weight: float) -> None:
    cells, labels = method(unknown_weight).training_cells(batch(boxes((0, True), (2, False))))
    assert (cells.weight > 0).tolist() == [[True, False, False], [False, False, True]]
    assert labels.target[0, 0] == 1
    assert labels.target[1, 2] == 0
    logits = torch.tensor([0.5, 2.0])
    value = torch.stack([cells.value[0, 0], cells.value[1, 2]])
    if not unknown_weight:  # a row of weight 1/2 is half unknown otherwise
        expected = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.tensor([1.0, 0.0]), reduction="none"
        )
        assert torch.allclose(value, expected)


def test_all_unlabelled_species_are_trained_on_as_unknown() -> None:
    crops = batch(boxes((0, True), (2, False)))
    crops.labels.clip.known[0, 1] = 1.0  # labelled by a row that is not drawn, at another place
    cells, labels = method(0.25, train_on="all").training_cells(crops)
    assert cells.weight.tolist() == [[0.625, 0, 0.25], [0.25, 0.25, 0.625]]
    assert labels.known.tolist() == [[0.5, 0, 0], [0, 0, 0.5]]
    logits = torch.tensor([0.5, -1.0, 2.0])
    absent = torch.nn.functional.softplus(logits)  # the loss of an absence
    assert torch.allclose(cells.value[1], absent)
    assert torch.allclose(cells.value[0, 2], absent[2])
    assert torch.allclose(cells.value[0, 0], absent[0] - 0.5 / 0.625 * logits[0])


def test_training_on_all_has_the_same_loss_of_rows_as_training_on_the_row() -> None:
    crops = batch(boxes((0, True), (2, False), (1, True)))
    row, _ = method().training_cells(crops)
    everything, _ = method(1e-3, train_on="all").training_cells(crops)
    labelled = crops.labels.clip.known > 0
    assert torch.allclose(row.weight[labelled], everything.weight[labelled], atol=1e-3)
    assert torch.allclose(row.value[labelled], everything.value[labelled], atol=1e-2)
    assert (everything.weight[~labelled] == 1e-3).all()


def test_the_drawn_row_is_scored_in_its_own_song_and_place_and_others_anywhere() -> None:
    count = 400
    crops = batch(boxes(*[(0, True)] * count))
    trained = method(0.5, train_on="all")
    trained.training_cells(crops)
    model = trained.model
    assert (model.classes == torch.arange(SPECIES)).all()
    # The row lies from 8 to 12 of 20 frames, a class's window is 4 frames long.
    assert (model.start[:, 0] == 8).all()
    for species in (1, 2):
        places = model.start[:, species].long().bincount(minlength=17)
        assert len(places) == 17
        assert (places > 5).all()


def test_labels_of_rows_that_are_not_drawn_stay_known_to_the_loss() -> None:
    crops = batch(boxes((0, True), (2, True)))
    crops.labels.clip.known[0, 1] = 1.0  # absent, by a row at another place
    trained = method(0.5, train_on="all")
    seen = []
    trained.loss.register_forward_hook(lambda _, args, __: seen.append(args[1].clip))
    cells, labels = trained.training_cells(crops)
    assert seen[0].known[0].tolist() == [0.5, 1.0, 0.0]
    assert seen[0].target[0].tolist() == [1.0, 0.0, 0.0]
    assert cells.weight[0, 1] == 0
    assert labels.known[0, 1] == 0


def test_training_on_all_with_a_loss_that_leaves_the_unknown_out_is_refused() -> None:
    with pytest.raises(ValueError, match=r"method\.train_on=all has no effect"):
        method(0.0, train_on="all")


def test_a_crop_without_rows_is_trained_on_as_unknown() -> None:
    empty = SpectrogramBatch(torch.randn(2, 1, 8, 20), unknown_labels(2, SPECIES), seed=0)
    cells, _ = method(0.1, train_on="all").training_cells(empty)
    assert torch.allclose(cells.weight, torch.full((2, SPECIES), 0.1))


def test_a_loss_is_asked_with_as_many_species_as_there_are() -> None:
    assert method(0.5).weighs_unknown()
    assert not method(0.0).weighs_unknown()
    trained = method(0.5)
    trained.loss = EPR(expected=SPECIES)  # no more species can be expected than there are
    assert trained.weighs_unknown()


def test_there_is_no_third_way_to_train() -> None:
    with pytest.raises(ValueError, match=r"train_on 'some' does not exist; choose row or all"):
        method(train_on="some")


def test_songs_of_a_species_are_drawn_equally_often() -> None:
    draw = torch.rand(3000, 4, generator=torch.Generator().manual_seed(0))
    songs = torch.tensor([[1, 0, 0], [0, 2, 3]])
    classes = random_classes(songs, torch.tensor([[True, False, False], [True] * 3]), draw)
    assert (classes[:, 0] == 1).all()
    counts = classes[:, 1].bincount(minlength=4)
    assert counts[1] == 0
    assert ((counts[[0, 2, 3]] - 1000).abs() < 120).all()


def test_of_very_many_species_some_are_trained_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    count, trained = 200, method(0.5, train_on="all")
    model = trained.model
    cells, _ = trained.training_cells(batch(boxes(*[(1, True)] * count)))
    assert model.classes.shape == (count, 2)
    is_row = model.classes == 1
    assert (is_row.sum(1) == 1).all()
    assert (model.start[is_row] == 8).all()
    assert ((cells.weight > 0).sum(1) == 2).all()
    counts = model.classes[~is_row].bincount(minlength=3)
    assert ((counts[[0, 2]] - count / 2).abs() < 40).all()
    # A row's cell has one gradient, as if all species were scored.
    (cells.value * cells.weight)[:, 1].sum().backward()
    found = model.weight.grad.clone()
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    model.weight.grad = None
    cells, _ = trained.training_cells(batch(boxes(*[(1, True)] * count)))
    (cells.value * cells.weight)[:, 1].sum().backward()
    torch.testing.assert_close(found, model.weight.grad)


def test_of_very_many_species_without_a_row_any_are_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    trained = method(0.5, train_on="all")
    empty = SpectrogramBatch(torch.randn(200, 1, 8, 20), unknown_labels(200, SPECIES), seed=0)
    cells, _ = trained.training_cells(empty)
    assert (trained.model.classes[:, 0] != trained.model.classes[:, 1]).all()
    assert ((cells.weight > 0).sum(1) == 2).all()
    counts = trained.model.classes.flatten().bincount(minlength=3)
    assert ((counts - 400 / 3).abs() < 40).all()


def test_gradient_reaches_the_drawn_classes_only() -> None:
    trained = method()
    cells, _ = trained.training_cells(batch(boxes((0, True), (2, False))))
    (cells.value * cells.weight).sum().backward()
    assert (trained.model.weight.grad != 0).tolist() == [True, False, True]


def test_rows_that_the_labels_do_not_bear_out_teach_nothing() -> None:
    crops = batch(boxes((0, True), (1, False), (-1, False)))
    crops.labels.clip.target[1, 1] = 1.0  # present, by another row
    cells, _ = method().training_cells(crops)
    assert (cells.weight > 0).any(1).tolist() == [True, False, False]
    other_song = crops.labels.boxes._replace(songtype=torch.full((3, 1), 7))
    cells, _ = method().training_cells(
        crops._replace(labels=crops.labels._replace(boxes=other_song))
    )
    assert not cells.weight.any()


def test_a_model_without_bands_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="not a OneWeightAClass; choose model=class_bands_crop"):
        method().check()


def test_a_batch_without_boxes_costs_nothing() -> None:
    empty = SpectrogramBatch(torch.randn(2, 1, 8, 20), unknown_labels(2, SPECIES), seed=0)
    cells, _ = method().training_cells(empty)
    assert cells.value.shape == (2, SPECIES)
    assert not cells.weight.any()


def test_every_usable_box_is_drawn_equally_often() -> None:
    crops = Boxes(*(field.expand(3000, 4) for field in boxes((1, True))))
    usable = torch.tensor([True, False, True, True]).expand(3000, 4)
    drawn = chosen_boxes(crops, usable, torch.Generator().manual_seed(0))
    counts = drawn.bincount(minlength=4)
    assert counts[1] == 0
    assert ((counts[[0, 2, 3]] - 1000).abs() < 120).all()


def test_windows_hold_their_row_and_lie_in_the_crop() -> None:
    generator = torch.Generator().manual_seed(0)
    t_min = torch.rand(500, generator=generator) * 0.9
    t_max = (t_min + 0.02 + 0.2 * torch.rand(500, generator=generator)).clamp(max=1)
    frames = torch.full((500,), 30)
    start = random_starts(t_min, t_max, frames, 100, generator)
    assert ((start >= 0) & (start <= 70)).all()
    assert (start <= t_min * 100 + 0.5).all()
    assert (start + 30 >= t_max * 100 - 0.5).all()
    assert start.unique().numel() > 40


def test_labels_of_frames_count_at_their_place_where_no_row_labels_the_species() -> None:
    count = 200
    crops = batch(boxes(*[(0, True)] * count))
    frame = Labels(torch.zeros(count, 5, SPECIES), torch.zeros(count, 5, SPECIES))
    frame.known[..., :2] = 0.5
    frame.target[:, 3] = torch.tensor([0.9, 0.8, 0.7])  # from 12 to 16 of 20 frames
    crops = crops._replace(labels=crops.labels._replace(frame=frame))
    trained = method(0.25, train_on="all")
    seen = []
    trained.loss.register_forward_hook(lambda _, args, __: seen.append(args[1].clip))
    cells, labels = trained.training_cells(crops)
    assert (labels.target[:, 0] == 1).all()  # the row's own cell is exact
    assert (labels.known[:, 0] == 0.5).all()  # by the weight of its box
    middle = (trained.model.start[:, 1] + 2) * 5 / 20
    expected = torch.where(middle.long() == 3, 0.8, 0.0)
    assert torch.equal(labels.target[:, 1], expected)
    assert (labels.known[:, 1] == 0.5).all()
    assert 0.5 < (expected > 0).float().mean() < 0.8  # every second place, and some by chance
    assert (labels.known[:, 2] == 0).all()  # nothing is known: weakly absent, as before
    assert (cells.weight[:, 2] == 0.25).all()
    assert torch.equal(seen[0].target[:, 1], expected)
