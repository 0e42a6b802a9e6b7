from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import Gain, TimeShift
from rfcx_audio.augment.waveform import rolled_boxes
from rfcx_audio.batch import Boxes

RATE, FRAMES, SAMPLES = 100, 10, 400


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def covered(boxes: Boxes, example: int, duration_s: float) -> np.ndarray:
    """Which hundredths of a second of a crop lie in a box."""
    middles = (np.arange(round(duration_s * 100)) + 0.5) / 100
    inside = np.zeros(len(middles), dtype=bool)
    for species, start, stop in zip(
        boxes.species[example], boxes.t_min[example], boxes.t_max[example], strict=True
    ):
        if species >= 0:
            inside |= (middles > start.item()) & (middles < stop.item())
    return inside


def test_gain_is_drawn_for_each_example_within_its_range(make_labels: MakeLabels) -> None:
    waveform, labels = torch.randn(500, 20), make_labels(500)
    louder, relabelled = Gain(-6, 12, probability=1)(waveform, labels, seed())
    gain_db = 20 * torch.log10(louder / waveform)
    assert relabelled is labels
    assert torch.allclose(gain_db, gain_db[:, :1], atol=1e-3)
    assert -6.01 <= gain_db.min() < -5
    assert 11 < gain_db.max() <= 12.01


def test_gain_happens_as_often_as_asked(make_labels: MakeLabels) -> None:
    waveform = torch.randn(500, 20)
    half, _ = Gain(probability=0.5)(waveform, make_labels(500), seed())
    assert 0.4 < (half != waveform).any(1).float().mean() < 0.6


def test_a_shift_is_numpys_roll_of_sound_and_label_frames(make_labels: MakeLabels) -> None:
    waveform, labels = torch.randn(50, SAMPLES), make_labels(50, frames=FRAMES)
    moved, relabelled = TimeShift(RATE, 1.0, 0.7)(waveform, labels, seed())
    shifts = set()
    for number in range(50):
        shift = next(
            frames
            for frames in range(FRAMES)
            if np.array_equal(
                np.roll(waveform[number].numpy(), frames * SAMPLES // FRAMES), moved[number]
            )
        )
        shifts.add(shift)
        for before, after in zip(labels.frame, relabelled.frame, strict=True):
            assert np.array_equal(np.roll(before[number].numpy(), shift, axis=0), after[number])
    assert shifts == set(range(FRAMES))
    assert relabelled.clip is labels.clip


def test_a_box_covers_the_same_sound_before_and_after(make_labels: MakeLabels) -> None:
    waveform = torch.randn(30, SAMPLES)
    labels = make_labels(30, frames=FRAMES, boxes=1, t_end=4.0)
    moved, relabelled = TimeShift(RATE, 1.0, 1.0)(waveform, labels, seed())
    duration_s = SAMPLES / RATE
    for number in range(30):
        shift = next(
            s for s in range(SAMPLES) if torch.equal(waveform[number].roll(s), moved[number])
        )
        before, after = (covered(one.boxes, number, duration_s) for one in (labels, relabelled))
        assert (np.roll(before, shift) != after).sum() <= 2  # ends between two hundredths


def test_a_box_over_the_end_becomes_two(one_box: MakeLabels) -> None:
    boxes = rolled_boxes(one_box((3.0, 3.8)).boxes, torch.tensor([[0.5]]), 4.0)
    assert boxes.species.tolist() == [[0, 0]]
    assert torch.allclose(boxes.t_min, torch.tensor([[3.5, 0.0]]))
    assert torch.allclose(boxes.t_max, torch.tensor([[4.0, 0.3]]), atol=1e-6)


@pytest.mark.parametrize("t_max", [1.0, 3.0])
def test_a_box_that_fits_stays_one(t_max: float, one_box: MakeLabels) -> None:
    boxes = rolled_boxes(one_box((0.5, t_max)).boxes, torch.tensor([[1.0]]), 4.0)
    assert boxes.species.tolist() == [[0, -1]]
    assert boxes.t_max[0, 0].item() == pytest.approx(t_max + 1)


def test_only_the_part_of_a_box_within_the_crop_moves(one_box: MakeLabels) -> None:
    boxes = rolled_boxes(one_box((-0.5, 0.5)).boxes, torch.tensor([[1.0]]), 4.0)
    assert boxes.species.tolist() == [[0, -1]]
    assert (boxes.t_min[0, 0], boxes.t_max[0, 0]) == (1.0, 1.5)
    still = rolled_boxes(one_box((-0.5, 0.5)).boxes, torch.tensor([[0.0]]), 4.0)
    assert still.species.tolist() == [[0, -1]]
    assert (still.t_min[0, 0], still.t_max[0, 0]) == (-0.5, 0.5)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        TimeShift(RATE, 1.5)
