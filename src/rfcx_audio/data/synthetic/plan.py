"""The plan of a whole data set: its scenes and its tables, without a sample of audio."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rfcx_audio.data.synthetic.annotate import fp_rows, tp_rows, truth_table
from rfcx_audio.data.synthetic.prevalence import draw_presences, prevalence
from rfcx_audio.data.synthetic.recipe import Rainforest
from rfcx_audio.data.synthetic.scene import Scene, draw_sounds
from rfcx_audio.data.synthetic.streams import generator
from rfcx_audio.data.synthetic.templates import (
    Songs,
    Template,
    songs_of,
    with_further_songs,
)

ID_DIGITS = 9  # hexadecimal, as in RFCX

# In how many test recordings every species is, where there are three times as many as species.
LEAST_IN_TEST = 3


class Plan(NamedTuple):
    """A data set before it is rendered.

    Attributes:
        scenes: one a recording, training first.
        train_tp: confirmed rows, columns of RFCX's table.
        train_fp: refuted rows, columns of RFCX's table.
        truth: every call of every recording.
        num_species: with numbers from 0 on.
    """

    scenes: tuple[Scene, ...]
    train_tp: pd.DataFrame
    train_fp: pd.DataFrame
    truth: pd.DataFrame
    num_species: int

    @property
    def sample_submission(self) -> pd.DataFrame:
        """One row for each test recording, 0.5 for each species."""
        names = sorted(scene.recording_id for scene in self.scenes if scene.split == "test")
        scores = {f"s{species}": 0.5 for species in range(self.num_species)}
        return pd.DataFrame({"recording_id": names, **scores})


def plan_rainforest(recipe: Rainforest, templates: pd.DataFrame) -> Plan:
    """Draws who calls when in each recording, and which of it the annotators label.

    Args:
        recipe: the settings.
        templates: the boxes that the calls lie in, see `songs_of`.

    Raises:
        ValueError: the templates do not fit, or the FP rows asked for cannot be found.
    """
    songs = songs_in(recipe, templates)
    recipe.check_songs(songs)
    names = _recording_ids(recipe)
    focal = _draw_focal(recipe, songs)
    train = _scenes(recipe, songs, "train", names[: recipe.num_train], focal)
    test = _scenes(recipe, songs, "test", names[recipe.num_train :], [None] * recipe.num_test)
    wrong, rng = recipe.num_wrong_tp, generator(recipe.seed, "FP rows")
    right = tp_rows(generator(recipe.seed, "TP rows"), train)
    alarms = fp_rows(rng, train, songs, recipe.fp_per_species + wrong, recipe.duration_s)
    rng = generator(recipe.seed, "wrong TP rows")
    confirmed = alarms.groupby("species_id").sample(wrong, random_state=rng)
    doubted = right.groupby("species_id").sample(wrong, random_state=rng)
    tables = [right.drop(index=doubted.index), confirmed]
    order = ["recording_id", "t_min"]
    return Plan(
        scenes=(*train, *test),
        train_tp=pd.concat(tables).sort_values(order, ignore_index=True),
        train_fp=alarms.drop(index=confirmed.index).reset_index(drop=True),
        truth=truth_table([*train, *test]),
        num_species=len(songs),
    )


def songs_in(recipe: Rainforest, templates: pd.DataFrame) -> Songs:
    """The songs of a rainforest: those of the templates, as wide and as many as it has them."""
    songs, rate = songs_of(templates), recipe.sample_rate
    songs = with_further_songs(songs, recipe.further_songs, recipe.seed, rate)
    if recipe.band_width == 1:
        return songs
    return {
        species: tuple(song.widened(recipe.band_width, rate) for song in own)
        for species, own in songs.items()
    }


def _scenes(
    recipe: Rainforest,
    songs: Songs,
    split: Literal["train", "test"],
    names: list[str],
    focal: list[Template | None],
) -> list[Scene]:
    shares = prevalence(recipe.species_per_recording, recipe.skew, len(songs))
    at_least = min(LEAST_IN_TEST, len(names) // len(songs)) if split == "test" else 0
    rng = generator(recipe.seed, f"presence in {split}")
    present: NDArray[np.bool_] = draw_presences(rng, shares, len(names), at_least)
    scenes = []
    for number, (name, song) in enumerate(zip(names, focal, strict=True)):
        rng = generator(recipe.seed, f"scene of {split}", number)
        sounds = draw_sounds(rng, recipe, songs, name, present[number], song)
        scenes.append(Scene(split, number, name, song, sounds))
    return scenes


def _draw_focal(recipe: Rainforest, songs: Songs) -> list[Template | None]:
    """The focal song of each training recording: species evenly, the songs of one in turn."""
    focal: list[Template | None] = [None] * recipe.num_train
    places = iter(generator(recipe.seed, "focal species").permutation(recipe.num_train))
    for own in songs.values():
        for number in range(recipe.tp_per_species):
            focal[next(places)] = own[number % len(own)]
    return focal


def _recording_ids(recipe: Rainforest) -> list[str]:
    rng = generator(recipe.seed, "recording ids")
    names: dict[str, None] = {}
    while len(names) < recipe.num_train + recipe.num_test:
        names[f"{rng.integers(16**ID_DIGITS):0{ID_DIGITS}x}"] = None
    return list(names)
