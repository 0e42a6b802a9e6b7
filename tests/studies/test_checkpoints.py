from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from earlier import earlier_checkpoint
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import load_recogniser
from studies.checkpoints import best_of, data_of, epochs_of, score_runs, score_together


@pytest.mark.slow
def test_the_checkpoints_of_a_study_are_found_by_entry_seed_and_epoch(studied: Path) -> None:
    assert [one[:3] for one in best_of(studied)] == [("masked", 0, "best")]
    assert [one.name for one in epochs_of(studied)] == ["epoch=00", "epoch=01"]
    assert best_of(studied)[0].run == studied / "masked" / "seed_0"


@pytest.mark.slow
def test_the_final_training_of_rounds_counts(studied: Path, tmp_path: Path) -> None:
    for number in (2, 10):
        shutil.copytree(studied / "masked" / "seed_0", tmp_path / f"rounds/seed_3/final_{number}")
    (found,) = best_of(tmp_path)
    assert found[:3] == ("rounds", 3, "best")
    assert found.run.name == "final_10"


@pytest.mark.slow
def test_an_unfinished_run_does_not_count(studied: Path, tmp_path: Path) -> None:
    shutil.copytree(studied, tmp_path / "study")
    (tmp_path / "study" / "masked" / "seed_0" / "test_scores.csv").unlink()
    assert not [*best_of(tmp_path / "study"), *epochs_of(tmp_path / "study")]


@pytest.mark.slow
def test_scores_are_those_of_each_recogniser_by_itself(studied: Path, forest: Path) -> None:
    paths = {path.stem: path for path in sorted((forest / "test").glob("*.flac"))[:2]}
    epochs = [one.path for one in epochs_of(studied)]
    recognisers = [load_recogniser(path) for path in (*epochs, *epochs[:1])]
    recognisers[1].windows.overlap = 0.0  # so that it cannot share the others' cuts
    for one, scores in zip(recognisers, score_together(recognisers, paths), strict=True):
        expected = one.score(paths)
        assert scores.metadata == expected.metadata
        pd.testing.assert_frame_equal(scores.frame(), expected.frame(), check_exact=True)


@pytest.mark.slow
def test_existing_scores_are_not_computed_again(studied: Path, tmp_path: Path) -> None:
    trained = best_of(studied)
    assert score_runs(trained, tmp_path) == 1
    assert score_runs(trained, tmp_path) == 0
    scores = Scores.read(trained[0].scores(tmp_path, "held_out"))
    assert scores.metadata["checkpoint"] == "best.ckpt"
    data = data_of(trained[0].path)
    held_out = sorted(set(data.val_rows["recording_id"]))
    assert scores.recordings == held_out
    first = load_recogniser(trained[0].path).score(data.corpus.train.paths[held_out[0]])
    np.testing.assert_array_equal(scores.rows_of(held_out[:1]).values, first.values)


def reworded(checkpoint: Path, place: Path, before: str, after: str) -> Path:
    """A copy of a checkpoint with other words in its configuration."""
    content = torch.load(checkpoint, weights_only=True)
    text = content["rfcx_audio_config"]
    assert before in text
    torch.save({**content, "rfcx_audio_config": text.replace(before, after)}, place)
    return place


@pytest.mark.slow
def test_the_data_of_older_checkpoints_are_found(studied: Path, tmp_path: Path) -> None:
    (one,) = best_of(studied)
    older = reworded(
        *(one.path, tmp_path / "older.ckpt"),
        *("rfcx_audio.scoring.SlidingWindows", "rfcx_audio.inference.SlidingWindows"),
    )
    expected = data_of(one.path).val_rows
    pd.testing.assert_frame_equal(data_of(older).val_rows, expected)


@pytest.mark.slow
def test_runs_of_different_folds_are_not_compared(studied: Path, tmp_path: Path) -> None:
    (one,) = best_of(studied)
    other = reworded(one.path, tmp_path / "other.ckpt", "held_out: 0", "held_out: 1")
    with pytest.raises(ValueError, match="compare runs of one data set and one fold"):
        score_runs([one, one._replace(name="other", path=other)], tmp_path / "scores")


def test_the_data_of_a_checkpoint_of_an_earlier_version_cannot_be_built(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"earlier.ckpt comes from an earlier version .* no data"):
        data_of(earlier_checkpoint(tmp_path))


@pytest.mark.slow
def test_the_data_of_a_checkpoint_need_no_pseudo_labels(studied: Path, tmp_path: Path) -> None:
    (one,) = best_of(studied)
    missing = ("pseudo_rows: null", "pseudo_rows: gone.csv")
    found = data_of(reworded(one.path, tmp_path / "other.ckpt", *missing))
    assert list(found.val_rows["recording_id"]) == list(data_of(one.path).val_rows["recording_id"])
