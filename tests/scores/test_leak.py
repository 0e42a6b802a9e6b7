from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import EVERYWHERE, Annotations
from rfcx_audio.scores import (
    SEEN,
    Scores,
    check_unseen,
    evaluate,
    leaked_recordings,
    unlabelled_prevalence,
)


def scores(**metadata: object) -> Scores:
    parts = [Scores.of_windows(name, [0.0], 6.0, [[0.2, 0.7]]) for name in ("a", "b", "c")]
    return replace(Scores.concatenate(parts), metadata=metadata)


def test_only_scored_recordings_whose_labels_were_seen_are_leaked() -> None:
    assert leaked_recordings(scores()) == []
    assert leaked_recordings(scores(**{SEEN: ["c", "a", "elsewhere"]})) == ["a", "c"]
    members = [{"made_with": {SEEN: ["b"]}}, {"made_with": {"members": [{"made_with": {}}]}}]
    assert leaked_recordings(scores(members=members)) == ["b"]
    check_unseen(scores(**{SEEN: ["elsewhere"]}), "oof.parquet")


def test_leaked_scores_are_refused_as_evidence_and_their_metrics_called_optimistic(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leaked = scores(**{SEEN: ["b"]})
    with pytest.raises(ValueError, match=r"oof.parquet is no out-of-fold evidence: .* 1 of its 3"):
        check_unseen(leaked, "oof.parquet")
    rows = pd.DataFrame(
        [("a", 1, True, 1.0, 1.0, 2.0, 1, 100.0, 200.0)],
        columns=pd.Index(
            [
                *("recording_id", "species_id", "present", "weight", "t_min", "t_max"),
                *("songtype_id", "f_min", "f_max"),
            ]
        ),
    )
    truth = Annotations(rows, complete=EVERYWHERE)
    with pytest.raises(ValueError, match="no out-of-fold evidence"):
        unlabelled_prevalence(scores(), leaked, truth)
    evaluate(leaked, truth)
    assert "optimistic" in caplog.text
    assert "labels of 1 of 3 recordings" in caplog.text


def test_the_mark_stays_with_written_and_pooled_scores(tmp_path: Path) -> None:
    leaked = scores(**{SEEN: ["b"]})
    leaked.write(tmp_path / "s.parquet")
    assert leaked_recordings(Scores.read(tmp_path / "s.parquet").pool()) == ["b"]
