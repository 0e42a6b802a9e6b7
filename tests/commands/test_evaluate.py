from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from preloaded import run_module
from rfcx_audio.scores import Scores
from scored import scores, truth

__all__ = ["scores", "truth"]  # fixtures


@pytest.mark.slow
def test_the_command_prints_both_kinds_of_labels(
    scores: Scores, truth: pd.DataFrame, forest: Path, tmp_path: Path
) -> None:
    scores.write(tmp_path / "s.parquet")
    truth[["recording_id", "species_id"]].to_csv(tmp_path / "truth.csv", index=False)
    more = [f"scores={tmp_path}/s.parquet", f"hydra.run.dir={tmp_path}/out"]
    complete = [f"labels={tmp_path}/truth.csv", "thresholds=0.9"]
    done = run_module("rfcx_audio.evaluate", *more, *complete, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "complete truth, 30 recordings" in done.stdout
    assert "detections in recordings, over known cells" in done.stdout
    assert "taken for one another, 10 of" in done.stdout
    found = pd.read_csv(tmp_path / "out" / "precision_recall.csv")
    calls = truth.drop_duplicates(["recording_id", "species_id"])
    assert found["found"].sum() + found["missed"].sum() == len(calls)
    assert (tmp_path / "out" / "taken_for.csv").exists()
    assert (tmp_path / "out" / "distributions.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "metrics.csv").exists()
    assert len(pd.read_csv(tmp_path / "out" / "species.csv")) == 24
    names = sorted(path.stem for path in (forest / "train").glob("*.flac"))
    renamed = scores.frame()
    renamed["recording_id"] = renamed["recording_id"].map(lambda r: names[int(r[1:])])
    Scores.from_frame(renamed).write(tmp_path / "s.parquet")
    done = run_module("rfcx_audio.evaluate", *more, f"labels={forest}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "partial labels" in done.stdout
