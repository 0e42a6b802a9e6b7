from __future__ import annotations

from typing import Literal

import pytest
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import Brightness, Flip

Axis = Literal["time", "frequency"]


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_brightness_adds_one_constant_relative_to_each_channel(make_labels: MakeLabels) -> None:
    signal = torch.randn(200, 2, 8, 9) * torch.tensor([1.0, 7.0])[:, None, None]
    labels = make_labels(200)
    brighter, relabelled = Brightness(0.4, 1.0)(signal, labels, seed())
    assert relabelled is labels
    change = (brighter - signal) / signal.std(dim=(-2, -1), keepdim=True)
    assert torch.allclose(change, change[:, :1, :1, :1], atol=1e-4)
    assert -0.401 <= change.min() < -0.35
    assert 0.35 < change.max() <= 0.401


def test_flipped_in_time_frames_and_boxes_turn_too(
    make_labels: MakeLabels, one_box: MakeLabels
) -> None:
    signal, labels = torch.randn(6, 2, 4, 5), make_labels(6)
    turned, relabelled = Flip("time", 1.0)(signal, labels, seed())
    assert torch.equal(turned, signal.flip(-1))
    assert torch.equal(relabelled.frame.target, labels.frame.target.flip(1))
    assert torch.equal(relabelled.frame.known, labels.frame.known.flip(1))
    boxes = Flip("time", 1.0)(signal[:1], one_box((0.1, 0.3)), seed())[1].boxes
    assert (boxes.t_min.item(), boxes.t_max.item()) == pytest.approx((0.7, 0.9))
    assert (boxes.f_min.item(), boxes.f_max.item()) == pytest.approx((0.4, 0.6))


def test_flipped_in_frequency_only_boxes_turn(one_box: MakeLabels) -> None:
    signal, labels = torch.randn(1, 2, 4, 5), one_box((0.1, 0.3), (0.0, 0.2))
    turned, relabelled = Flip("frequency", 1.0)(signal, labels, seed())
    assert torch.equal(turned, signal.flip(-2))
    assert relabelled.frame is labels.frame
    assert (relabelled.boxes.f_min.item(), relabelled.boxes.f_max.item()) == pytest.approx(
        (0.8, 1.0)
    )
    assert torch.equal(relabelled.boxes.t_min, labels.boxes.t_min)


@pytest.mark.parametrize("axis", ["time", "frequency"])
def test_flipped_twice_is_the_identity(axis: Axis, make_labels: MakeLabels) -> None:
    signal, labels = torch.randn(20, 1, 4, 5), make_labels(20)
    step = Flip(axis, 0.5)
    once, relabelled = step(signal, labels, seed())
    twice, again = step(once, relabelled, seed())
    assert not torch.equal(once, signal)
    assert torch.equal(twice, signal)
    assert torch.equal(again.frame.known, labels.frame.known)
    for one, other in zip(again.boxes, labels.boxes, strict=True):
        assert torch.allclose(one.float(), other.float(), atol=1e-6)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'time' or 'frequency'"):
        Flip("up")  # pyright: ignore[reportArgumentType]
