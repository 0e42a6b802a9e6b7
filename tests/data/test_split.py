from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import Corpus, Folds, RfcxFolder, Split, training_recordings


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
