from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import label_ranking_average_precision_score, roc_auc_score

from rfcx_audio.data import EVERYWHERE, Annotations, CompleteSpan, Coverage
from rfcx_audio.scores import Scores, evaluate
from scored import scores, truth

__all__ = ["scores", "truth"]  # fixtures


def test_complete_truth_gives_the_lwlrap_of_scikit_learn(
    scores: Scores, truth: pd.DataFrame
) -> None:
    table, species = evaluate(scores, Annotations(truth, complete=EVERYWHERE))
    columns = [f"s{s}" for s in range(24)]
    pooled = scores.frame().groupby("recording_id", sort=False)[columns].max()
    target = np.zeros((30, 24))
    for row in truth.itertuples():
        target[pooled.index.get_loc(row.recording_id), row.species_id] = 1
    has = target.sum(1) > 0
    expected = label_ranking_average_precision_score(
        target[has], pooled.to_numpy()[has], sample_weight=target[has].sum(1)
    )
    assert table.loc["scores", "lwlrap"] == pytest.approx(expected, abs=1e-6)
    assert len(table) == 3  # beside random and prior-only
    assert len(species) == 24


def test_partial_labels_score_known_windows_only(scores: Scores) -> None:
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        {
            "recording_id": [f"r{n}" for n in rng.integers(0, 30, 200)],
            "species_id": rng.integers(0, 2, 200),
            "present": rng.random(200) < 0.5,
            "weight": 1.0,
            "t_min": 1.0,
            "songtype_id": 1,
            "f_min": 100.0,
            "f_max": 200.0,
            "t_max": 2.0,
        }
    ).drop_duplicates(["recording_id", "species_id"])
    table, _ = evaluate(scores, Annotations(rows))
    frame = scores.frame()
    first_windows = frame[frame["t_min"] == 0].set_index("recording_id")
    aucs = []
    for species in range(2):
        own = rows[rows["species_id"] == species]
        values = first_windows.loc[own["recording_id"], f"s{species}"]
        aucs.append(roc_auc_score(own["present"], values))
    assert table["auc"].item() == pytest.approx(np.mean(aucs), abs=1e-6)
    with pytest.raises(ValueError, match="no recording has both scores and annotations"):
        evaluate(scores, Annotations(rows.assign(recording_id="other")))


def test_lwlrap_is_of_the_complete_recordings_and_the_rest_of_labelled_windows(
    scores: Scores, truth: pd.DataFrame
) -> None:
    calls = truth.assign(t_min=1.0, t_max=2.0, f_min=100.0, f_max=200.0)
    names = [f"r{n}" for n in range(12)]
    spans = Coverage(tuple(CompleteSpan(name) for name in names))
    table, species = evaluate(scores, Annotations(calls, complete=spans))
    (line,) = table.to_dict("records")
    assert (line["recordings"], line["complete_recordings"]) == (29, 12)
    alone = Annotations(calls[calls["recording_id"].isin(names)], complete=EVERYWHERE)
    expected, _ = evaluate(scores.rows_of(names), alone)
    assert line["lwlrap"] == expected.loc["scores", "lwlrap"]
    assert expected.loc["scores", "recordings"] == 12
    pairs = calls[calls["recording_id"].isin(names)].drop_duplicates(["recording_id", "species_id"])
    # Windows of 6 s every 3 s: a call at 1 to 2 s lies in the first of four only.
    assert species["absent"].sum() == 12 * 24 * 4 - len(pairs)
    assert "lwlrap" not in species


def test_the_hard_half_cannot_go_missing_unnoticed(
    scores: Scores, truth: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    half = scores.rows_of([f"r{n}" for n in range(15)])
    table, _ = evaluate(half, Annotations(truth, complete=EVERYWHERE))
    assert table.loc["scores", "recordings"] == 15
    assert "14 recordings of the labels have no scores, the first 'r15'" in caplog.text


def test_presences_alone_rank_nothing(scores: Scores, truth: pd.DataFrame) -> None:
    calls = truth.assign(t_min=1.0, t_max=2.0, f_min=100.0, f_max=200.0)
    table, species = evaluate(scores, Annotations(calls))
    assert np.isnan(table["auc"].item())
    assert "lwlrap" not in table
    assert species[["auc", "average_precision"]].isna().all(axis=None)
