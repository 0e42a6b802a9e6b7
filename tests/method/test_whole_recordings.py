from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from quick import words
from rfcx_audio.config import load_config
from rfcx_audio.data import recording_dataset
from rfcx_audio.experiment import train_run

pytestmark = pytest.mark.slow


def metrics(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.json").read_text())


def test_long_recordings_have_the_scores_of_short_ones(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["trainer.max_epochs=1", "callbacks.report.num_pictures=0"]
    train_run(load_config("train", words(forest, tmp_path / "whole", *more)))
    monkeypatch.setattr(recording_dataset, "LONG_S", 1.0)
    train_run(load_config("train", words(forest, tmp_path / "blocks", *more)))
    whole, blocks = metrics(tmp_path / "whole"), metrics(tmp_path / "blocks")
    assert blocks == pytest.approx(whole, abs=1e-5)
    one, other = (
        pd.read_csv(tmp_path / run / "test_scores.csv", index_col=0) for run in ("whole", "blocks")
    )
    assert abs(one - other).to_numpy().max() < 1e-5


def test_a_long_recording_that_breaks_off_is_named(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_dataset, "LONG_S", 1.0)
    root = tmp_path / "forest"
    (root / "train").mkdir(parents=True)
    for name in ("train_tp.csv", "train_fp.csv", "rainforest.json"):
        (root / name).write_bytes((forest / name).read_bytes())
    files = sorted((forest / "train").glob("*.flac"))
    for path in files:
        content = path.read_bytes()
        (root / "train" / path.name).write_bytes(content[: len(content) // 3])
    good = pd.read_csv(root / "train_tp.csv")["recording_id"].iloc[0]
    (root / "train" / f"{good}.flac").write_bytes((forest / "train" / f"{good}.flac").read_bytes())
    more = ["data=rfcx", f"paths.data_dir={tmp_path}", "trainer.max_epochs=1"]
    chosen = words(root, tmp_path / "run", *more, "callbacks.report.num_pictures=0")
    config = load_config("train", [w for w in chosen if not w.startswith("data.source.")])
    train_run(config)
    failures = set(pd.read_csv(tmp_path / "run" / "failures.csv")["recording_id"])
    held_out = pd.read_csv(tmp_path / "run" / "recording_folds.csv")
    held_out = set(held_out.loc[held_out["fold"] == 0, "recording_id"]) - {good}
    assert held_out <= failures
