from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.data import CropRecipe, CropSampler
from rfcx_audio.data.sampler import ANY_SPECIES, BACKGROUND


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
    one = np.zeros(len(present), int)
    recipe = CropRecipe(6.0, 0.5, tp_share, background, crops_per_epoch=total)
    parts = [
        [
            draw.row
            for draw in CropSampler(one, present, present & False, recipe, 0, rank, world_size)
        ]
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
    species, pseudo = np.zeros(len(present), int), np.zeros(len(present), bool)
    sampler = CropSampler(species, present, pseudo, CropRecipe(6.0), seed=0)
    assert len(sampler) == len(list(sampler)) == 6400


def test_pseudo_rows_have_a_share_of_their_own() -> None:
    present = np.array([True] * 10 + [False] * 10 + [True] * 30)
    pseudo = np.arange(50) >= 20
    recipe = CropRecipe(6.0, tp_share=0.75, pseudo_share=0.4, crops_per_epoch=100)
    species = np.arange(50) % 3
    drawn = np.array([draw.row for draw in CropSampler(species, present, pseudo, recipe, seed=0)])
    counts = [np.sum(drawn < 10), np.sum((drawn >= 10) & (drawn < 20)), np.sum(drawn >= 20)]
    assert counts == [45, 15, 40]


def fp_draws(tp: list[int], fp: list[int], total: int, seed: int = 0) -> np.ndarray:
    """How often each FP row is drawn in an epoch of as many TP rows as FP rows, by species."""
    species = np.array(tp + fp)
    recipe = CropRecipe(6.0, tp_share=0.5, crops_per_epoch=2 * total)
    present = np.arange(len(species)) < len(tp)
    sampler = CropSampler(species, present, np.zeros(len(species), bool), recipe, seed)
    drawn = np.array([draw.row for draw in sampler])
    return np.bincount(drawn[drawn >= len(tp)] - len(tp), minlength=len(fp))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), min_size=1, max_size=6))
def test_fp_rows_are_drawn_as_often_as_tp_rows_of_their_species(
    numbers: list[tuple[int, int]],
) -> None:
    tp = [one for one, (count, _) in enumerate(numbers) for _ in range(count)]
    fp = [one for one, (_, count) in enumerate(numbers) for _ in range(count)]
    weights = np.array([max(1, count) for count, _ in numbers])
    if not tp:
        return
    draws = fp_draws(tp, fp, total=500)
    of_species = np.array([draws[np.array(fp) == one].sum() for one in range(len(numbers))])
    assert draws.sum() == 500
    assert np.all(abs(of_species - 500 * weights / weights.sum()) < 1 + 1e-6)
    for one in range(len(numbers)):
        times = draws[np.array(fp) == one]
        assert times.max() - times.min() <= 1


def test_twice_as_many_fp_rows_of_a_species_are_not_twice_as_many_absences() -> None:
    tp, fp = 10 * [0, 1, 2], 20 * [0, 1, 2]
    before, after = fp_draws(tp, fp, 300), fp_draws(tp, fp + 20 * [2], 300)
    assert before[np.array(fp) == 2].sum() == 100
    assert after[np.array(fp + 20 * [2]) == 2].sum() == 100


def test_few_draws_are_divided_exactly_over_the_epochs() -> None:
    species, present = np.array([0, 1, 1, 0, 1]), np.array([True, True, True, False, False])
    recipe = CropRecipe(6.0, tp_share=0.5, crops_per_epoch=2)
    sampler = CropSampler(species, present, ~present & present, recipe, seed=0)
    drawn = []
    for epoch in range(600):
        sampler.set_epoch(epoch)
        drawn += [draw.row for draw in sampler]
    assert np.mean(np.array(drawn) == 3) * 2 == pytest.approx(1 / 3, abs=0.06)


def test_complete_spans_keep_their_share_of_the_draws() -> None:
    draws = fp_draws(10 * [0, 1], [0, 1, 1] + 3 * [ANY_SPECIES], total=60)
    assert draws.tolist() == [15, 7, 8, 10, 10, 10] or draws.tolist() == [15, 8, 7, 10, 10, 10]


def test_without_tp_rows_species_are_drawn_evenly() -> None:
    assert fp_draws([], [0, 1, 1], total=20).tolist() == [20, 10, 10]


def test_epochs_differ_and_repeat_by_seed() -> None:
    present = np.array([True] * 10 + [False] * 50)
    sampler = CropSampler(np.zeros(60, int), present, np.zeros(60, bool), CropRecipe(6.0), seed=0)
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
