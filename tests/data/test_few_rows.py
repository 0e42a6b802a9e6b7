from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data.few_rows import few_rows


def rows_of(seed: int, count: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = np.round(rng.uniform(0, 50, count), 3)
    return pd.DataFrame(
        {
            "recording_id": [f"r{n}" for n in rng.integers(0, 20, count)],
            "species_id": rng.integers(0, 3, count),
            "present": rng.random(count) < 0.5,
            "t_min": start,
            "t_max": start + 1,
        }
    )


def names(rows: pd.DataFrame) -> set[tuple[str, float]]:
    return set(zip(rows["recording_id"], rows["t_min"], strict=True))


@pytest.mark.parametrize("per_species", [1, 3, 1000])
def test_each_species_has_as_many_rows_of_each_kind_as_there_are_at_most(per_species: int) -> None:
    rows = rows_of(0)
    drawn = few_rows(rows, per_species, seed=0)
    for species in range(3):  # counted by hand
        for present in (True, False):
            of_all = [
                r for r in rows.itertuples() if (r.species_id, r.present) == (species, present)
            ]
            of_few = [
                r for r in drawn.itertuples() if (r.species_id, r.present) == (species, present)
            ]
            assert len(of_few) == min(per_species, len(of_all))
    assert names(drawn) <= names(rows)
    assert drawn.index.to_list() == list(range(len(drawn)))


def test_fewer_rows_are_among_more() -> None:
    rows = rows_of(1)
    for seed in range(5):
        sets = [names(few_rows(rows, number, seed)) for number in (1, 3, 10, 30)]
        assert sets[0] < sets[1] < sets[2] <= sets[3] <= names(rows)


def test_the_draw_depends_on_the_seed_and_neither_on_the_order_nor_on_other_species() -> None:
    rows = rows_of(2)
    drawn = few_rows(rows, 3, seed=7)
    assert names(few_rows(rows.sample(frac=1.0, random_state=0), 3, seed=7)) == names(drawn)
    alone = few_rows(rows[rows["species_id"] == 1], 3, seed=7)
    assert names(alone) == names(drawn[drawn["species_id"] == 1])
    assert len({frozenset(names(few_rows(rows, 3, seed))) for seed in range(10)}) == 10


def test_every_row_is_drawn_equally_often() -> None:
    rows = rows_of(3, count=12).assign(species_id=0, present=True)
    drawn = [name for seed in range(2000) for name in names(few_rows(rows, 3, seed))]
    counts = pd.Series(drawn).value_counts()
    assert len(counts) == 12
    assert counts.min() > 420  # 500 expected, with a spread of 19
    assert counts.max() < 580
