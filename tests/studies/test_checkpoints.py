from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.experiment import score_recordings
from rfcx_audio.inference import load_recogniser
from rfcx_audio.scores import Scores
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
    recognisers = [load_recogniser(one.path) for one in epochs_of(studied)]
    recognisers[1].windows.overlap = 0.0  # so that they cannot share their cuts
    for one, scores in zip(recognisers, score_together(recognisers, paths), strict=True):
        expected = score_recordings(one, paths, workers=0).scores
        pd.testing.assert_frame_equal(scores.keys, expected.keys)
        np.testing.assert_allclose(scores.values, expected.values, rtol=1e-6)


@pytest.mark.slow
def test_existing_scores_are_not_computed_again(studied: Path, tmp_path: Path) -> None:
    trained = best_of(studied)
    assert score_runs(trained, tmp_path) == 1
    assert score_runs(trained, tmp_path) == 0
    scores = Scores.read(trained[0].scores(tmp_path, "held_out"))
    assert scores.metadata["checkpoint"] == "best.ckpt"
    held_out = set(data_of(trained[0].path).val_rows["recording_id"])
    assert set(scores.recordings) == held_out


@pytest.mark.slow
def test_runs_of_different_folds_are_not_compared(studied: Path, tmp_path: Path) -> None:
    (one,) = best_of(studied)
    content = torch.load(one.path, weights_only=True)
    content["rfcx_audio_config"] = content["rfcx_audio_config"].replace(
        "held_out: 0", "held_out: 1"
    )
    other = tmp_path / "other.ckpt"
    torch.save(content, other)
    with pytest.raises(ValueError, match="compare runs of one data set and one fold"):
        score_runs([one, one._replace(name="other", path=other)], tmp_path / "scores")
