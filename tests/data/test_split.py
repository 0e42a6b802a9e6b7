from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import (
    Corpus,
    Folds,
    RfcxFolder,
    Split,
    training_recordings,
    unlabelled_recordings,
)
from rfcx_audio.data.coverage import CompleteSpan, Coverage


@pytest.fixture(scope="module")
def corpus(forest: Path) -> Corpus:
    return RfcxFolder(str(forest), 24).load()


@pytest.mark.parametrize("held_out", [0, 3])
def test_every_row_is_in_the_part_of_its_recordings_fold(
    held_out: int, corpus: Corpus, tmp_path: Path
) -> None:
    folds = Folds(str(tmp_path / "folds.csv"), num_folds=4, held_out=held_out)
    split = Split.of(corpus, folds)
    fold_of = folds.table(corpus.rows).set_index("recording_id")["fold"]
    for rows, expected in ((split.train_rows, False), (split.val_rows, True)):
        assert ((fold_of[rows["recording_id"]] == held_out) == expected).all()
        assert not rows.empty
    assert len(split.train_rows) + len(split.val_rows) == len(corpus.usable)
    assert not split.train_rows["pseudo"].any()
    names = training_recordings(corpus, folds)
    assert names == {
        name for name in corpus.train.paths if fold_of.get(name) not in (held_out, None)
    }


@pytest.mark.parametrize(("fold", "empty"), [(1, "validation"), (0, "training")])
def test_a_split_without_rows_on_one_side_is_an_error(
    fold: int, empty: str, corpus: Corpus, tmp_path: Path
) -> None:
    names = sorted(corpus.rows["recording_id"].unique())
    table = pd.DataFrame({"recording_id": [*names, "silent"], "fold": fold})
    table.iloc[-1, 1] = 1 - fold  # a recording without rows
    table.to_csv(tmp_path / "folds.csv", index=False)
    split = Split.of(corpus, Folds(str(tmp_path / "folds.csv"), num_folds=2))
    with pytest.raises(ValueError, match=f"no row with audio is left for {empty}"):
        split.check()


def test_the_summary_counts_what_is_used_and_what_is_not(corpus: Corpus, tmp_path: Path) -> None:
    folds = Folds(str(tmp_path / "folds.csv"), num_folds=4)
    left_out = corpus.usable.iloc[:3].assign(reason="no audio file")
    some = replace(corpus, usable=corpus.usable.iloc[3:], left_out=left_out)
    split = Split.of(some, folds)
    num_train, num_val = len(split.train_rows), len(split.val_rows)
    lines = split.summary().splitlines()
    assert lines[0].startswith("93 of 96 rows are used, on ")
    assert lines[1].startswith("3 rows on ")
    assert lines[1].endswith("are left out: no audio file")
    expected = f"fold 0 of 4 is held out: {num_train} rows to train on, {num_val} to validate on"
    assert lines[2:] == [expected]


def test_the_summary_counts_how_few_rows_are_trained_on(corpus: Corpus) -> None:
    split = Split.of(corpus, Folds(num_folds=4, rows_per_species=1))
    assert split.train_rows.groupby(["species_id", "present"]).size().max() == 1
    drawn = split.train_rows["present"]
    held_in = corpus.usable[~corpus.usable["recording_id"].isin(split.val_recordings)]
    counts = held_in.groupby(["present", "species_id"]).size()
    expected = [
        f"of {counts[present].min()} to {counts[present].max()} {name} rows a species at most 1 "
        f"({(drawn == present).sum()} in all)"
        for present, name in ((True, "TP"), (False, "FP"))
    ]
    line = f"data.rows_per_species=1: {', '.join(expected)} are trained on"
    assert split.summary().splitlines()[-1] == line


def test_few_rows_are_refused_where_a_species_without_a_row_is_absent(corpus: Corpus) -> None:
    name = corpus.usable["recording_id"].iloc[0]
    complete = replace(corpus, coverage=Coverage((CompleteSpan(name),)))
    with pytest.raises(
        ValueError, match=r"rows_per_species=2 .* complete: .* trained on as absent"
    ):
        Split.of(complete, Folds(num_folds=4, rows_per_species=2))


def test_the_unused_fold_is_in_no_part(corpus: Corpus, tmp_path: Path) -> None:
    file = str(tmp_path / "folds.csv")
    judged, whole = Folds(file, 4, held_out=2, unused=0), Folds(file, 4, held_out=2)
    split, without = Split.of(corpus, judged), Split.of(corpus, whole)
    fold_of = judged.table(corpus.rows).set_index("recording_id")["fold"]
    assert set(fold_of[split.train_rows["recording_id"]]) == {1, 3}
    assert split.val_recordings == without.val_recordings
    assert set(fold_of[split.val_rows["recording_id"]]) == {2}
    assert training_recordings(corpus, judged) < training_recordings(corpus, whole)
    assert "fold 2 of 4 is held out, fold 0 is not used" in split.summary()
    assert unlabelled_recordings(corpus, judged) == set(corpus.train.paths) - set(fold_of.index)


def test_a_fold_cannot_be_held_out_and_unused() -> None:
    for unused in (1, 5):
        with pytest.raises(ValueError, match=f"data.folds.unused = {unused}; expected one of the"):
            Folds(num_folds=5, held_out=1, unused=unused)
