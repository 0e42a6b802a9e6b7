from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Plan, Rainforest, plan_rainforest, prevalence, songs_of

CELL = ["recording_id", "species_id"]
BOX = ["recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max"]
ROUNDING = 1e-3


def planned(recipe: Rainforest) -> Plan:
    return plan_rainforest(recipe, rfcx_templates())


def split(plan, name):
    return plan.truth[plan.truth.split == name]


def test_tp_rows_are_as_many_for_every_species_and_one_a_recording(default_plan):
    counts = default_plan.train_tp.species_id.value_counts()
    assert counts.to_dict() == dict.fromkeys(range(24), Rainforest().tp_per_species)
    assert default_plan.train_tp.recording_id.is_unique


def test_the_two_songs_of_a_species_share_its_tp_rows(default_plan):
    counts = default_plan.train_tp.groupby(["species_id", "songtype_id"]).size()
    assert abs(counts[17, 1] - counts[17, 4]) <= 1
    assert abs(counts[23, 1] - counts[23, 4]) <= 1


def test_tp_rows_lie_on_true_calls(default_plan):
    columns = BOX[3:]
    same = default_plan.train_tp.merge(split(default_plan, "train"), on=BOX[:3])
    far = [
        (same[f"{name}_x"] - same[f"{name}_y"]).abs() > 0.1 * ("f" in name) + ROUNDING
        for name in columns
    ]
    hits = same[~np.any(far, axis=0)]
    assert hits.recording_id.nunique() == len(default_plan.train_tp)


def test_a_tp_row_confirms_the_loudest_caller_of_its_song(default_plan):
    truth = split(default_plan, "train")
    loudest = truth.groupby(BOX[:3]).snr_db.transform("max")
    clear = truth[truth.snr_db == loudest]
    hits = default_plan.train_tp.merge(clear, on=BOX[:3])
    hits = hits[(hits.t_min_x - hits.t_min_y).abs() < ROUNDING]
    assert hits.recording_id.nunique() == len(default_plan.train_tp)


def test_fp_rows_are_as_many_for_every_species_and_one_a_cell(default_plan):
    counts = default_plan.train_fp.species_id.value_counts()
    assert counts.to_dict() == dict.fromkeys(range(24), Rainforest().fp_per_species)
    assert not default_plan.train_fp.duplicated(CELL).any()


@pytest.mark.parametrize("near_misses", [0.0, 2.0])
def test_no_call_of_the_species_touches_an_fp_window(default_plan, near_misses):
    plan = default_plan
    if near_misses != Rainforest().near_misses:
        plan = planned(Rainforest(near_misses=near_misses, num_test=0))
    both = plan.train_fp.merge(split(plan, "train"), on=CELL)
    assert len(both) > 50  # it may call elsewhere in the recording
    overlap_s = both[["t_max_x", "t_max_y"]].min(axis=1) - both[["t_min_x", "t_min_y"]].max(axis=1)
    assert overlap_s.max() < 0


def test_fp_windows_lie_in_the_recording_on_the_templates(default_plan):
    rows = default_plan.train_fp
    assert rows.t_min.min() >= 0
    assert rows.t_max.max() <= Rainforest().duration_s + ROUNDING
    boxes = {
        (s.species_id, s.songtype_id): s
        for songs in songs_of(rfcx_templates()).values()
        for s in songs
    }
    for row in rows.itertuples():
        song = boxes[row.species_id, row.songtype_id]
        assert (row.f_min, row.f_max) == pytest.approx((song.f_min, song.f_max), abs=1e-3)
        assert row.t_max - row.t_min == pytest.approx(song.duration_s, abs=1e-3)


def test_most_fp_rows_lie_on_near_misses(default_plan):
    mistaken = {
        (scene.recording_id, s.template.species_id, round(s.t_min, 4))
        for scene in default_plan.scenes
        for s in scene.sounds
        if s.kind == "near_miss"
    }
    rows = default_plan.train_fp[[*CELL, "t_min"]].itertuples(index=False, name=None)
    assert np.mean([row in mistaken for row in rows]) == pytest.approx(0.7, abs=0.08)


def test_nothing_is_known_of_about_92_percent_of_the_cells(default_plan):
    rows = pd.concat([default_plan.train_tp, default_plan.train_fp])
    known = rows.groupby(CELL).ngroups / (Rainforest().num_train * 24)
    assert known == pytest.approx(0.08, abs=0.003)


def test_some_recordings_have_tp_rows_some_fp_rows_some_both(default_plan):
    confirmed = set(default_plan.train_tp.recording_id)
    refuted = set(default_plan.train_fp.recording_id)
    assert min(len(confirmed - refuted), len(refuted - confirmed), len(confirmed & refuted)) > 30


def test_test_prevalence_is_the_prior(default_plan):
    recipe = Rainforest()
    counts = split(default_plan, "test").groupby("species_id").recording_id.nunique()
    shares = prevalence(recipe.species_per_recording, recipe.skew)
    assert counts.min() >= 3
    np.testing.assert_allclose(counts / recipe.num_test, shares, atol=1 / recipe.num_test)


def test_prevalence_follows_the_prior_over_many_recordings():
    recipe = Rainforest(
        num_train=0, tp_per_species=0, fp_per_species=0, num_test=1500, duration_s=10.0, skew=0.6
    )
    truth = planned(recipe).truth
    counts = truth.groupby("species_id").recording_id.nunique()
    shares = prevalence(recipe.species_per_recording, recipe.skew)
    np.testing.assert_allclose(counts / recipe.num_test, shares, atol=0.001)
    per_recording = truth.groupby("recording_id").species_id.nunique().sum() / recipe.num_test
    assert per_recording == pytest.approx(recipe.species_per_recording, abs=0.02)


def test_species_are_present_independently_of_each_other():
    recipe = Rainforest(
        num_train=0, tp_per_species=0, fp_per_species=0, num_test=1500, duration_s=10.0
    )
    calls = planned(recipe).truth.groupby("recording_id").species_id
    richness = np.zeros(recipe.num_test)
    richness[: calls.ngroups] = calls.nunique()
    shares = prevalence(recipe.species_per_recording, recipe.skew)
    assert np.var(richness) == pytest.approx(np.sum(shares * (1 - shares)), rel=0.12)


def test_a_minute_has_about_36_calls(default_plan):
    per_minute = len(split(default_plan, "test")) / Rainforest().num_test
    assert 30 < per_minute < 42


def test_train_and_test_share_no_individual_and_no_recording(default_plan):
    train, test = split(default_plan, "train"), split(default_plan, "test")
    assert not set(train.individual) & set(test.individual)
    assert not set(train.recording_id) & set(test.recording_id)
    callers = {
        s: {x.caller for scene in default_plan.scenes if scene.split == s for x in scene.sounds}
        for s in ("train", "test")
    }
    assert not callers["train"] & callers["test"]


def test_recordings_are_named_as_in_rfcx(default_plan):
    names = [scene.recording_id for scene in default_plan.scenes]
    assert len(set(names)) == len(names) == 960
    assert all(re.fullmatch("[0-9a-f]{9}", name) for name in names)
    submission = default_plan.sample_submission
    assert list(submission) == ["recording_id", *(f"s{species}" for species in range(24))]
    assert set(submission.recording_id) == set(names[840:])
    assert submission.recording_id.is_monotonic_increasing
    assert (submission.drop(columns="recording_id") == 0.5).all(axis=None)


def test_numbers_are_rounded_as_in_rfcx(default_plan):
    for value in default_plan.train_tp[BOX[3:]].to_numpy().ravel():
        assert float(f"{value:.6g}") == value
    fp = default_plan.train_fp[BOX[3:]]
    pd.testing.assert_frame_equal(fp, fp.round(4))


def test_the_same_seed_gives_the_same_plan_another_seed_another(small_recipe):
    first, again = planned(small_recipe), planned(small_recipe)
    assert first.scenes == again.scenes
    for name in ("train_tp", "train_fp", "truth"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    other = planned(Rainforest(**{**vars(small_recipe), "seed": 4}))
    assert not set(first.truth.recording_id) & set(other.truth.recording_id)


def test_fp_rows_that_cannot_be_found_are_not_made_up():
    recipe = Rainforest(
        num_train=24,
        num_test=0,
        duration_s=8.0,
        tp_per_species=1,
        fp_per_species=24,
        species_per_recording=20.0,
        skew=0.0,
    )
    with pytest.raises(
        ValueError, match=r"have a window without species \d+, 24 are needed; raise num_train"
    ):
        planned(recipe)


def test_wrong_tp_rows_take_the_place_of_right_ones():
    recipe = Rainforest(num_train=240, num_test=24, tp_per_species=10, fp_per_species=5)
    right, wrong = (planned(replace(recipe, wrong_tp_share=s)) for s in (0.0, 0.2))
    assert wrong.train_tp.species_id.value_counts().to_dict() == dict.fromkeys(range(24), 10)
    assert wrong.train_fp.species_id.value_counts().to_dict() == dict.fromkeys(range(24), 5)
    merged = right.train_tp.merge(wrong.train_tp, how="outer", indicator=True)
    assert merged._merge.value_counts().to_dict() == {
        "both": 192,
        "left_only": 48,
        "right_only": 48,
    }
    false = merged[merged._merge == "right_only"]
    calls = false.merge(split(wrong, "train"), on=CELL)
    touch = (calls.t_min_x < calls.t_max_y) & (calls.t_min_y < calls.t_max_x)
    assert not touch.any()
    pd.testing.assert_frame_equal(right.truth, wrong.truth)
