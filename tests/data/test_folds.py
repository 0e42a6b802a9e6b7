from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.data import AnnotationError, Folds, assign_folds, read_rfcx


def random_rows(seed: int, recordings: int = 60, rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "recording_id": [f"r{n}" for n in rng.integers(0, recordings, rows)],
            "species_id": rng.integers(0, 4, rows),
            "present": rng.random(rows) < 0.3,
        }
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_no_recording_is_on_both_sides(seed: int, num_folds: int) -> None:
    rows = random_rows(seed)
    folds = assign_folds(rows, num_folds, seed)
    assert folds["recording_id"].is_unique
    assert set(folds["recording_id"]) == set(rows["recording_id"])
    assert set(folds["fold"]) == set(range(num_folds))


def test_species_are_spread_evenly() -> None:
    rows = random_rows(0, recordings=400, rows=1200)
    fold = assign_folds(rows, 5, 0).set_index("recording_id")["fold"]
    share = pd.crosstab(
        [rows["species_id"], rows["present"]], rows["recording_id"].map(fold), normalize="index"
    )
    assert share.to_numpy().min() > 0.14
    assert share.to_numpy().max() < 0.26


def test_the_same_seed_gives_the_same_folds() -> None:
    rows = random_rows(0)
    assert assign_folds(rows, 5, 3).equals(assign_folds(rows, 5, 3))
    assert not assign_folds(rows, 5, 3).equals(assign_folds(rows, 5, 4))


def test_the_file_is_written_once_and_reused(tmp_path: Path) -> None:
    rows = random_rows(0)
    file = tmp_path / "deep" / "folds.csv"
    first = Folds(str(file), 5, held_out=0, seed=0).table(rows)
    again = Folds(str(file), 5, held_out=1, seed=99).table(rows)
    assert first.equals(again)
    train, val = Folds(str(file), 5, held_out=2).split(rows)
    assert len(train) + len(val) == len(rows)
    assert not set(train["recording_id"]) & set(val["recording_id"])


def test_a_file_of_other_tables_is_refused(tmp_path: Path) -> None:
    file = str(tmp_path / "folds.csv")
    Folds(file, 5).table(random_rows(0))
    with pytest.raises(AnnotationError, match="holds 5 folds, 4 are configured"):
        Folds(file, 4).table(random_rows(0))
    with pytest.raises(AnnotationError, match=r"lacks 1 recording.* 'new'"):
        Folds(file, 5).table(random_rows(0).replace("r1", "new"))


def test_impossible_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="held_out = 5"):
        Folds(str(tmp_path / "f.csv"), 5, held_out=5)
    with pytest.raises(ValueError, match="2 to 3 folds"):
        assign_folds(random_rows(0, recordings=3), 4, 0)


@pytest.mark.data
def test_the_real_tables_split_without_a_shared_recording(real_data: Path) -> None:
    rows = read_rfcx(real_data, 24)
    folds = assign_folds(rows, 5, 0)
    assert len(folds) == 4727
    assert folds["recording_id"].is_unique
    fold = rows["recording_id"].map(folds.set_index("recording_id")["fold"])
    by_species = pd.crosstab(rows.loc[rows["present"], "species_id"], fold)
    assert by_species.to_numpy().min() >= 6  # of about 50 TP rows a species


def test_fewer_recordings_than_folds_have_one_each(tmp_path: Path) -> None:
    rows = random_rows(0, recordings=3)
    folds = Folds(str(tmp_path / "folds.csv"), num_folds=5)
    for _ in range(2):  # made, and read again
        assert sorted(folds.table(rows)["fold"]) == [0, 1, 2]
        assert folds.count(rows) == 3


def test_one_recording_is_trained_on(tmp_path: Path) -> None:
    rows = random_rows(0, recordings=1)
    folds = Folds(str(tmp_path / "folds.csv"), num_folds=5, held_out=2)
    for _ in range(2):
        assert folds.count(rows) == 0
        train, val = folds.split(rows)
        assert len(train) == len(rows)
        assert val.empty


def test_without_a_file_a_part_of_the_rows_has_the_folds_of_all() -> None:
    rows, folds = random_rows(0), Folds(num_folds=3, held_out=1)
    fold = folds.table(rows).set_index("recording_id")["fold"]
    part = rows[rows["recording_id"] < "r4"]
    _, held_out = folds.split(part)
    assert set(held_out["recording_id"].map(fold)) == {1}


def test_few_rows_are_drawn_to_train_on_and_those_to_validate_on_stay_whole() -> None:
    rows = random_rows(0).assign(t_min=np.arange(200.0), t_max=np.arange(200.0) + 1)
    _, whole = Folds(num_folds=4, held_out=1).split(rows)
    before: set[float] = set()
    for number in (1, 3, 10):
        folds = Folds(num_folds=4, held_out=1, rows_per_species=number, draw_seed=5)
        train, val = folds.split(rows)
        assert val.equals(whole)
        assert train.groupby(["species_id", "present"]).size().max() == number
        assert not set(train["recording_id"]) & set(val["recording_id"])
        assert before < set(train["t_min"])
        before = set(train["t_min"])
    with pytest.raises(ValueError, match=r"data\.rows_per_species = 0; expected at least 1"):
        Folds(rows_per_species=0)
