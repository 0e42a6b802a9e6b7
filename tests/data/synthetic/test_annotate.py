from __future__ import annotations

import numpy as np
import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Plan, Rainforest, plan_rainforest, songs_of
from rfcx_audio.data.synthetic.annotate import BOX_COLUMNS, TRUTH_COLUMNS, fp_rows

RECIPE = Rainforest(num_train=48, num_test=4, duration_s=20.0, tp_per_species=2, fp_per_species=2)
SONGS = songs_of(rfcx_templates())


def planned(recipe: Rainforest) -> Plan:
    return plan_rainforest(recipe, rfcx_templates())


def test_every_tp_box_is_a_call_of_the_truth() -> None:
    plan = planned(RECIPE)
    assert tuple(plan.truth) == TRUTH_COLUMNS
    assert tuple(plan.train_tp) == tuple(plan.train_fp) == BOX_COLUMNS
    keys = ["recording_id", "species_id", "songtype_id"]
    joined = plan.train_tp.merge(plan.truth, on=keys, suffixes=("", "_true"))
    close = (joined["t_min"] - joined["t_min_true"]).abs() < 1e-3
    assert joined[close].drop_duplicates(keys).shape[0] == len(plan.train_tp) == 48


def test_too_few_windows_for_fp_rows_is_an_error() -> None:
    scenes = [scene for scene in planned(RECIPE).scenes if scene.split == "train"]
    with pytest.raises(ValueError, match="raise num_train or lower fp_per_species"):
        fp_rows(np.random.default_rng(0), scenes, SONGS, 49, RECIPE.duration_s)
