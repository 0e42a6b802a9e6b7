from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.data import CropRecipe, CropSampler
from rfcx_audio.data.sampler import BACKGROUND


@given(
    st.integers(0, 40),
    st.integers(0, 80),
    st.floats(0, 1),
    st.floats(0, 0.9),
    st.integers(1, 300),
    st.integers(1, 3),
)
def test_an_epoch_has_the_shares_asked_for(
    num_tp: int, num_fp: int, tp_share: float, background: float, total: int, world_size: int
) -> None:
    present = np.array([True] * num_tp + [False] * num_fp)
    if not len(present):
        return
    recipe = CropRecipe(6.0, 0.5, tp_share, background, crops_per_epoch=total)
    parts = [
        [draw.row for draw in CropSampler(present, ~present & False, recipe, 0, rank, world_size)]
        for rank in range(world_size)
    ]
    assert len({len(part) for part in parts}) == 1
    drawn = np.concatenate(parts)
    expected = max(world_size, total - total % world_size)
    assert len(drawn) == expected
    assert np.sum(drawn == BACKGROUND) == round(expected * background)
    around_rows = drawn[drawn != BACKGROUND]
    share = 0.0 if not num_tp else 1.0 if not num_fp else tp_share
    assert np.sum(present[around_rows]) == round(len(around_rows) * share)
    for kind in (True, False):
        times = np.bincount(around_rows[present[around_rows] == kind], minlength=len(present))[
            present == kind
        ]
        assert not len(times) or times.max() - times.min() <= 1


@pytest.mark.parametrize(("num_tp", "num_fp"), [(3, 0), (10, 50), (20_000, 9_000)])
def test_an_epoch_is_as_long_for_few_rows_as_for_many(num_tp: int, num_fp: int) -> None:
    present = np.arange(num_tp + num_fp) < num_tp
    sampler = CropSampler(present, np.zeros(len(present), bool), CropRecipe(6.0), seed=0)
    assert len(sampler) == len(list(sampler)) == 6400


def test_pseudo_rows_have_a_share_of_their_own() -> None:
    present = np.array([True] * 10 + [False] * 10 + [True] * 30)
    pseudo = np.arange(50) >= 20
    recipe = CropRecipe(6.0, tp_share=0.75, pseudo_share=0.4, crops_per_epoch=100)
    drawn = np.array([draw.row for draw in CropSampler(present, pseudo, recipe, seed=0)])
    counts = [np.sum(drawn < 10), np.sum((drawn >= 10) & (drawn < 20)), np.sum(drawn >= 20)]
    assert counts == [45, 15, 40]


def test_epochs_differ_and_repeat_by_seed() -> None:
    present = np.array([True] * 10 + [False] * 50)
    sampler = CropSampler(present, np.zeros(60, bool), CropRecipe(6.0), seed=0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"tp_share": 1.5},
        {"background_share": -1},
        {"pseudo_share": 2},
        {"min_overlap": 0},
        {"duration_s": 0},
        {"frame_s": 7.0},
        {"supervision": "guess"},
        {"crops_per_epoch": None},
        {"crops_per_epoch": 0},
    ],
)
def test_a_recipe_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CropRecipe(**{"duration_s": 6.0, **wrong})
