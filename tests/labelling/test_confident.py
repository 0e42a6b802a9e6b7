from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.labelling import FOUND_COLUMNS, Confident, confident_rows
from rfcx_audio.scores import Scores


def windows(name: str, starts_s: list[float], *species: list[float]) -> pd.DataFrame:
    """Scores of 6 s windows of one recording, one list of scores a species."""
    table = pd.DataFrame({"recording_id": name, "t_min": starts_s})
    table["t_max"] = table["t_min"] + 6.0
    return table.assign(**{f"s{n}": scores for n, scores in enumerate(species)})


def random_windows(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    starts = [3.0 * n for n in range(19)]
    return pd.concat(
        [windows(f"r{n}", starts, *rng.random((3, 19)).tolist()) for n in range(4)],
        ignore_index=True,
    )


def brute_force(scores: pd.DataFrame, threshold: float) -> set[tuple[str, int, float]]:
    kept: list[tuple[float, str, int, float, float]] = []
    cells = [
        (row[f"s{species}"], row["recording_id"], species, row["t_min"], row["t_max"])
        for _, row in scores.iterrows()
        for species in range(3)
    ]
    for score, name, species, t_min, t_max in sorted(cells, reverse=True):
        overlaps = any(
            (name, species) == (other[1], other[2]) and t_min < other[4] and t_max > other[3]
            for other in kept
        )
        if score > threshold and not overlaps:
            kept.append((score, name, species, t_min, t_max))
    return {(name, species, t_min) for _, name, species, t_min, _ in kept}


def test_a_handmade_table_gives_the_rows_that_one_expects() -> None:
    starts = [0.0, 3.0, 6.0, 9.0]
    scores = windows("a", starts, [0.95, 0.97, 0.92, 0.99], [0.1, 0.2, 0.95, 0.3])
    rows = confident_rows(Scores.from_frame(scores), threshold=0.9)
    assert list(rows) == list(FOUND_COLUMNS)
    assert rows.drop(columns=["present", "weight"]).to_numpy().tolist() == [
        ["a", 0, 3.0, 9.0, pytest.approx(0.97)],
        ["a", 1, 6.0, 12.0, pytest.approx(0.95)],
        ["a", 0, 9.0, 15.0, pytest.approx(0.99)],
    ]
    assert rows["present"].all()
    assert (rows["weight"] == 0.5).all()


@pytest.mark.parametrize("seed", range(5))
def test_suppression_equals_a_loop(seed: int) -> None:
    scores = random_windows(seed)
    rows = confident_rows(Scores.from_frame(scores), threshold=0.4)
    found = set(zip(rows["recording_id"], rows["species_id"], rows["t_min"], strict=True))
    assert found == brute_force(scores, 0.4)


def test_absences_are_labelled_only_on_request_and_in_the_least_likely_windows() -> None:
    scores = windows("a", [0.0, 3.0, 6.0], [0.95, 0.02, 0.01])
    assert confident_rows(Scores.from_frame(scores))["present"].to_list() == [True]
    rows = confident_rows(Scores.from_frame(scores), absent_below=0.05)
    assert rows[["t_min", "present"]].to_numpy().tolist() == [[0.0, True], [6.0, False]]


def test_a_limit_keeps_the_most_confident_rows_of_each_species() -> None:
    scores = random_windows(0)
    everything = confident_rows(Scores.from_frame(scores), threshold=0.2, absent_below=0.1)
    limited = confident_rows(
        Scores.from_frame(scores), threshold=0.2, absent_below=0.1, max_per_species=2
    )
    for (_, present), rows in everything.groupby(["species_id", "present"]):
        kept = limited.merge(rows)
        best = rows["score"].sort_values(ascending=not present).head(2)
        assert sorted(kept["score"]) == sorted(best)
    assert len(limited) == 12


def test_no_confident_window_gives_no_row() -> None:
    rows = Confident(threshold=0.99)(Scores.from_frame(windows("a", [0.0], [0.5])), {})
    assert rows.empty
    assert list(rows) == list(FOUND_COLUMNS)


def test_the_settings_reach_the_rows() -> None:
    scores = random_windows(1)
    settings = (0.5, 0.2, 0.25, 3)
    pd.testing.assert_frame_equal(
        Confident(*settings)(Scores.from_frame(scores), {}),
        confident_rows(Scores.from_frame(scores), *settings),
    )
    assert (Confident(0.5, weight=0.25)(Scores.from_frame(scores), {})["weight"] == 0.25).all()


@pytest.mark.parametrize("wrong", [{"threshold": 1.0}, {"absent_below": 0.95}, {"weight": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="absent_below < threshold < 1"):
        Confident(**wrong)
