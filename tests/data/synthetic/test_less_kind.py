"""Forests whose calls are not in the boxes of their rows, and species other than RFCX's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import (
    Plan,
    Rainforest,
    drawn_templates,
    plan_rainforest,
    render,
    songs_of,
)
from rfcx_audio.data.synthetic.background import band_power, draw_background
from rfcx_audio.data.synthetic.call import call_waveform, draw_caller
from rfcx_audio.data.synthetic.templates import Template
from rfcx_audio.data.synthetic.voices import MOST_NOTES, near_misses, voice_of

BASE = Rainforest(num_train=96, num_test=24, tp_per_species=4, fp_per_species=3, duration_s=20)
RATE = BASE.sample_rate


def planned(**changed: float) -> Plan:
    return plan_rainforest(replace(BASE, **changed), rfcx_templates())  # pyright: ignore[reportArgumentType]


def octaves(table: pd.DataFrame) -> pd.Series:
    """How far the lower edge of each row lies above its template's."""
    song = {
        (s.species_id, s.songtype_id): s.f_min
        for several in songs_of(rfcx_templates()).values()
        for s in several
    }
    own = [song[pair] for pair in zip(table["species_id"], table["songtype_id"], strict=True)]
    return np.log2(table["f_min"] / own)


def test_by_default_every_call_is_in_its_species_box() -> None:
    plan = planned()
    assert octaves(plan.truth).abs().max() < 1e-4
    assert all(sound.box == sound.template for scene in plan.scenes for sound in scene.sounds)


def test_individuals_call_outside_of_the_boxes_of_their_rows() -> None:
    plan = planned(pitch_spread=0.5)
    away = octaves(plan.truth).groupby(plan.truth["individual"])
    assert (away.max() - away.min()).max() < 1e-3  # an individual stays where it is
    # Of each training recording one caller is in the box; the others are spread.
    of_test = plan.truth["split"] == "test"
    assert 0.3 < octaves(plan.truth[of_test]).groupby(plan.truth["individual"]).first().std() < 0.6
    assert octaves(plan.train_tp).abs().max() < 1e-3
    assert octaves(plan.train_fp).abs().max() < 1e-3
    calls = plan.truth.merge(plan.train_tp, on=["recording_id", "species_id"], suffixes=("", "_tp"))
    own = (calls["t_min"] - calls["t_min_tp"]).abs() < 1e-3
    is_inside = np.isclose(calls["f_min"], calls["f_min_tp"], rtol=1e-4)
    assert calls[own & is_inside]["recording_id"].nunique() == len(plan.train_tp)


def test_an_individual_drifts_through_a_recording() -> None:
    truth = planned(drift=1.0, call_gap_s=(1.0, 2.0)).truth
    truth = truth[truth["split"] == "test"].assign(octaves=octaves(truth))
    by = truth.sort_values("t_min").groupby("individual")["octaves"]
    assert 0.3 < (by.max() - by.min()).max() <= 1.0
    steps = by.diff().dropna()
    assert steps.abs().max() < 0.4  # of a way, not a jump


@pytest.mark.parametrize("octaves_up", [-9.0, -0.4, 0.0, 0.3, 9.0])
def test_a_moved_box_keeps_its_width_and_stays_in_the_recording(octaves_up: float) -> None:
    box = Template(0, 1, 900.0, 1800.0, 1.0)
    there = box.moved(octaves_up, RATE)
    assert there.width_octaves == pytest.approx(1)
    assert there.f_min * (1 + 1e-9) >= 40
    assert there.f_max <= 0.475 * RATE * (1 + 1e-9)
    if abs(octaves_up) < 1:
        assert np.log2(there.f_min / 900) == pytest.approx(octaves_up)


def test_wide_bands_are_those_of_calls_and_rows() -> None:
    narrow, wide = planned(), planned(band_width=2.0)
    width = [np.log2(p.truth["f_max"] / p.truth["f_min"]).median() for p in (narrow, wide)]
    assert width[1] == pytest.approx(2 * width[0], rel=0.05)
    assert wide.truth["f_max"].max() <= 0.475 * RATE + 1
    boxes = wide.truth[["species_id", "songtype_id", "f_min"]].drop_duplicates()
    rows = wide.train_tp.merge(boxes, on=["species_id", "songtype_id"])
    np.testing.assert_allclose(rows["f_min_x"], rows["f_min_y"], rtol=1e-4)


def test_every_further_song_has_rows_and_calls_of_its_own() -> None:
    plan = planned(further_songs=2)
    songs = plan.truth.groupby("species_id")["songtype_id"].nunique()
    assert songs.min() >= 3
    assert plan.train_tp.groupby("species_id")["songtype_id"].nunique().min() >= 3
    first = plan.truth[plan.truth["songtype_id"] < 5].groupby("species_id")["f_min"].first()
    more = plan.truth[plan.truth["songtype_id"] >= 5]
    assert (np.log2(more["f_min"] / more["species_id"].map(first)).abs() > 0.24).all()


def test_shared_songs_are_the_patterns_of_one_species_in_the_box_of_another() -> None:
    plan = planned(shared_songs=3.0, near_misses=0.0)
    mimics = [s for scene in plan.scenes for s in scene.sounds if s.kind == "near_miss"]
    patterns = {voice_of(song) for own in songs_of(rfcx_templates()).values() for song in own}
    assert len({(s.caller.name, s.box) for s in mimics}) / len(plan.scenes) == pytest.approx(3, 0.2)
    assert all(s.voice in patterns and s.voice != voice_of(s.template) for s in mimics)


def test_weather_is_more_frequent_and_louder() -> None:
    low, high = np.array([50.0]), np.array([400.0])
    power = [
        [
            band_power(
                draw_background(np.random.default_rng(n), RATE, RATE, weather), low, high, RATE
            )
            for n in range(60)
        ]
        for weather in (0.0, 1.0, 3.0)
    ]
    none, some, much = np.log10(np.mean(power, axis=(1, 2)))
    assert none < some < much - 0.3
    bursts = [
        sum(s.kind == "burst" for scene in planned(weather=w).scenes for s in scene.sounds)
        for w in (0.0, 1.0, 3.0)
    ]
    assert bursts[0] == 0
    assert bursts[2] > 2 * bursts[1]


def test_invented_species_have_boxes_voices_and_a_prior_of_their_own() -> None:
    recipe = replace(BASE, species=7, species_per_recording=2.0)
    plan = plan_rainforest(recipe, drawn_templates(3, 7))
    assert sorted(plan.train_tp["species_id"].value_counts().items()) == [(n, 4) for n in range(7)]
    assert list(plan.sample_submission) == ["recording_id", *(f"s{n}" for n in range(7))]
    assert plan.truth["f_max"].max() <= 12_000
    scene = max(plan.scenes, key=lambda one: len(one.sounds))
    assert np.isfinite(render(scene, recipe)).all()
    assert not drawn_templates(4, 7).equals(drawn_templates(3, 7))
    voices = {voice_of(song) for own in songs_of(drawn_templates(3, 40)).values() for song in own}
    assert len(voices) == 40
    for voice in voices:
        pitches = [pitch for contour in voice.contours for pitch in contour]
        assert min(pitches) - voice.warble >= 0.149
        assert max(pitches) + voice.partials[-1] + voice.warble <= 0.851
        assert 1 <= voice.notes <= MOST_NOTES
        assert len(near_misses(voice)) >= 2
    with pytest.raises(ValueError, match="of the species 0 to 6; they are of"):
        recipe.check_songs(songs_of(drawn_templates(3, 8)))


@pytest.mark.parametrize("song", [own[0] for own in songs_of(drawn_templates(0, 16)).values()])
def test_invented_calls_lie_in_their_boxes(song: Template) -> None:
    rng = np.random.default_rng(0)
    for voice in (voice_of(song), *near_misses(voice_of(song))):
        caller = draw_caller(rng, "one", (6.0, 24.0))
        waveform = call_waveform(rng, voice, song, caller, RATE)
        power = np.abs(np.fft.rfft(waveform)) ** 2
        hertz = np.fft.rfftfreq(len(waveform), 1 / RATE)
        inside = power[(hertz >= song.f_min) & (hertz <= song.f_max)].sum() / power.sum()
        assert inside > 0.9
