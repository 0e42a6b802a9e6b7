from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import RandomResizedCrop
from rfcx_audio.augment.resized_crop import zoom, zoomed_labels


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def part(*pairs: float) -> torch.Tensor:
    """(2, 1): of mels, of frames."""
    return torch.tensor(pairs)[:, None]


def zoomed_by_hand(picture: np.ndarray, start: tuple, scale: tuple) -> np.ndarray:
    """Interpolation, an axis after the other, between the middles of cells."""
    for axis in (0, 1):
        size = picture.shape[axis]
        middles = (np.arange(size) + 0.5) / size
        places = start[axis] + scale[axis] * middles

        def line(values, places=places, middles=middles):
            return np.interp(places, middles, values)

        picture = np.apply_along_axis(line, axis, picture)
    return picture


def test_a_part_is_interpolated_as_by_hand() -> None:
    signal = torch.randn(2, 3, 12, 17)
    start, scale = torch.tensor([[0.1, 0.0], [0.05, 0.2]]), torch.tensor([[0.85, 0.9], [0.95, 0.8]])
    after = zoom(signal, start, scale)
    for example in range(2):
        for channel in range(3):
            expected = zoomed_by_hand(
                signal[example, channel].double().numpy(),
                tuple(start[:, example].tolist()),
                tuple(scale[:, example].tolist()),
            )
            assert np.allclose(after[example, channel], expected, atol=1e-4)


def test_all_of_it_is_the_identity(make_labels: MakeLabels) -> None:
    signal, labels = torch.randn(6, 1, 20, 30), make_labels(6)
    same, relabelled = RandomResizedCrop(1.0, 1.0, probability=1.0)(signal, labels, seed())
    assert torch.allclose(same, signal, atol=1e-4)
    for one, other in zip(
        (*relabelled.clip, *relabelled.frame, *relabelled.truth, *relabelled.boxes),
        (*labels.clip, *labels.frame, *labels.truth, *labels.boxes),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_a_bright_pixel_stays_in_its_box(one_box: MakeLabels) -> None:
    signal = torch.zeros(100, 1, 40, 60)
    signal[:, :, 22, 33] = 1.0
    pixel = ((33 / 60, 34 / 60), (22 / 40, 23 / 40))
    step = RandomResizedCrop(0.8, 1.0, probability=1.0)
    after, relabelled = step(signal, one_box(*pixel, batch=100), seed())
    brightest = after.flatten(1).argmax(1)
    mel, frame = (brightest // 60 + 0.5) / 40, (brightest % 60 + 0.5) / 60
    boxes = relabelled.boxes
    assert torch.allclose((boxes.t_min + boxes.t_max)[:, 0] / 2, frame, atol=1 / 60)
    assert torch.allclose((boxes.f_min + boxes.f_max)[:, 0] / 2, mel, atol=1 / 40)
    assert frame.max() - frame.min() > 0.1


@pytest.mark.parametrize("anchor", ["random", "origin"])
def test_parts_lie_where_the_anchor_is(anchor: str, one_box: MakeLabels) -> None:
    step = RandomResizedCrop(0.8, 0.9, anchor, 1.0)  # pyright: ignore[reportArgumentType]
    boxes = step(torch.randn(300, 1, 5, 6), one_box((0.4, 0.5), batch=300), seed())[1].boxes
    for low, high, width in ((boxes.t_min, boxes.t_max, 0.1), (boxes.f_min, boxes.f_max, 0.2)):
        scale = width / (high - low)
        start = 0.4 - low * scale
        assert 0.799 < scale.min() < 0.81
        assert 0.89 < scale.max() < 0.901
        room = 1 - scale
        share = start / room
        assert share.abs().max() < 1e-4 if anchor == "origin" else share.max() > 0.95
        assert share.min() > -1e-4
        assert share.max() < 1.001


def test_label_frames_come_from_the_nearest(make_labels: MakeLabels) -> None:
    labels = make_labels(1, frames=20, boxes=0)
    frame = zoomed_labels(labels, part(0.1, 0.125), part(0.8, 0.8)).frame
    places = ((0.125 + 0.8 * (np.arange(20) + 0.5) / 20) * 20).astype(int)
    assert torch.equal(frame.target, labels.frame.target[:, places])
    assert torch.equal(frame.known, labels.frame.known[:, places])


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize(
    ("t", "f", "lost"),
    [
        ((0.0, 0.3), (0.4, 0.6), True),  # two thirds are before the part
        ((0.1, 0.5), (0.4, 0.6), False),  # a quarter is
        ((0.4, 0.6), (0.9, 1.0), True),  # above it
        ((0.1, 0.3), (0.7, 0.9), True),  # half by time, half by frequency: a quarter is left
        ((-2.0, 0.5), (0.4, 0.6), False),  # what the crop never held cannot be lost
        ((0.4, 0.6), (1.0, 1.0), False),  # outside of the front end's band
    ],
)
def test_a_cell_becomes_unknown_when_more_than_half_of_its_box_is_lost(
    t: tuple, f: tuple, lost: bool, present: bool, one_box: MakeLabels
) -> None:
    relabelled = zoomed_labels(one_box(t, f, present), part(0.0, 0.2), part(0.8, 0.8))
    assert relabelled.clip.known.item() == (not lost)
    assert relabelled.frame.known.any().item() is (not lost)
    assert relabelled.boxes.species.item() == (-1 if lost else 0)
    # A part of a crop without the species holds none either.
    assert relabelled.truth.known.item() == (not (lost and present))


def test_one_box_is_enough_but_a_ruled_out_one_does_not_stand_for_a_confirmed_one(
    one_box: MakeLabels,
) -> None:
    def with_another(present: bool) -> float:
        labels, other = one_box((0.0, 0.1)), one_box((0.5, 0.6), present=present)
        pairs = zip(labels.boxes, other.boxes, strict=True)
        boxes = type(labels.boxes)(*(torch.cat(pair, 1) for pair in pairs))
        relabelled = zoomed_labels(labels._replace(boxes=boxes), part(0.0, 0.2), part(0.8, 0.8))
        return relabelled.clip.known.item()

    assert with_another(present=True) == 1
    assert with_another(present=False) == 0


def test_cells_without_a_box_stay(make_labels: MakeLabels) -> None:
    labels = make_labels(4, boxes=0)
    relabelled = zoomed_labels(labels, torch.full((2, 4), 0.2), torch.full((2, 4), 0.8))
    assert torch.equal(relabelled.clip.known, labels.clip.known)
    assert torch.equal(relabelled.truth.known, labels.truth.known)


@pytest.mark.parametrize("wrong", [{"min_scale": 0.0}, {"max_scale": 1.2}, {"anchor": "centre"}])
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected 0 < min_scale"):
        RandomResizedCrop(**wrong)
