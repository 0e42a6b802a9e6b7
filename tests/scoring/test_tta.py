from __future__ import annotations

import pytest
import torch

from rfcx_audio.scoring import View, views
from rfcx_audio.scoring.tta import amplified, apply_view, undo_view


def test_one_view_is_no_augmentation() -> None:
    assert views(1, flip=True) == (View(0.0, 0.0, flip=False),)
    waveform, windows = torch.randn(100), torch.randn(2, 1, 3, 7)
    assert torch.equal(amplified(waveform, View()), waveform)
    assert torch.equal(apply_view(windows, View()), windows)


def test_fewer_views_are_the_first_of_more() -> None:
    assert views(10, flip=True)[:4] == views(4, flip=True)
    assert len(set(views(50))) == 50


def test_views_stay_in_their_ranges_and_fill_them_evenly() -> None:
    many = torch.tensor([view[:2] for view in views(1001, max_shift=0.25, max_gain_db=3.0)[1:]])
    unit = many / torch.tensor([0.25, 3.0])
    assert unit.abs().max() < 1
    for quarter in torch.histogramdd(unit, [2, 2]).hist.flatten():
        assert abs(quarter - 250) < 15
    assert not any(view.flip for view in views(10))
    assert sum(view.flip for view in views(10, flip=True)) == 5


def test_a_view_rolls_amplifies_and_flips() -> None:
    windows = torch.arange(8.0).view(1, 1, 1, 8)
    assert apply_view(windows, View(shift=0.25)).flatten().tolist() == [6, 7, 0, 1, 2, 3, 4, 5]
    turned = apply_view(windows, View(shift=0.25, flip=True)).flatten().tolist()
    assert turned == [5, 4, 3, 2, 1, 0, 7, 6]
    assert amplified(torch.ones(2), View(gain_db=20.0)).tolist() == [10, 10]


@pytest.mark.parametrize("view", views(6, flip=True))
def test_frames_come_back_to_their_place(view: View) -> None:
    windows = torch.randn(3, 2, 40)  # (windows, species, frames)
    assert torch.equal(
        undo_view(apply_view(windows, view).transpose(1, 2), view), windows.transpose(1, 2)
    )
    coarse = apply_view(torch.arange(40.0).view(1, 1, 40), view).view(1, 10, 4).mean(2)[..., None]
    found = undo_view(coarse, view)[0, :, 0]  # but for the frame that holds the seam
    off = (found - (torch.arange(10) * 4 + 1.5)).abs()
    assert (off <= 2.0).sum() >= 9


@pytest.mark.parametrize(
    "wrong", [{"number": 0}, {"number": 2, "max_shift": 1.0}, {"number": 2, "max_gain_db": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected tta >= 1"):
        views(**wrong)  # type: ignore[arg-type]
