from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.scores import EnsembleError, JoinedScores, Scores, join

SPECIES = [f"s{n}" for n in range(12)]


def joined(tables: dict[str, pd.DataFrame]) -> JoinedScores:
    return join({name: Scores.from_frame(table) for name, table in tables.items()})


def table(seed: int, recordings: int = 4) -> pd.DataFrame:
    """Three windows of 6 s in each recording."""
    rng = np.random.default_rng(seed)
    starts_s = np.array([0.0, 3.0, 5.5])
    parts = [
        Scores.of_windows(f"r{n}", starts_s, 6.0, rng.random((3, 12))) for n in range(recordings)
    ]
    return Scores.concatenate(parts).frame()


def shuffled(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same rows and columns in another order."""
    mixed = scores.sample(frac=1, random_state=seed)
    return mixed[[*reversed(SPECIES), "t_max", "recording_id", "t_min"]]


def cell(scores: pd.DataFrame, recording: str, t_min: float, species: str) -> float:
    which = (scores["recording_id"] == recording) & (abs(scores["t_min"] - t_min) < 0.01)
    return scores.loc[which, species].item()


def test_cells_are_found_by_key() -> None:
    a, b = table(0), table(1)
    both = joined({"a": shuffled(a, 0), "b": shuffled(b, 1)})
    assert both.species == tuple(SPECIES)
    for row, key in enumerate(both.keys.itertuples()):
        for column, species in enumerate(SPECIES):
            for member, source in enumerate((a, b)):
                expected = cell(source, key.recording_id, key.t_min, species)
                assert both.values[member, row, column] == pytest.approx(expected)


def test_the_order_of_rows_and_columns_changes_nothing() -> None:
    plain = joined({"a": table(0), "b": table(1)})
    mixed = joined({"a": shuffled(table(0), 3), "b": shuffled(table(1), 4)})
    pd.testing.assert_frame_equal(plain.keys, mixed.keys)
    assert torch.equal(plain.values, mixed.values)


def test_times_may_differ_within_the_tolerance_and_no_further() -> None:
    near = table(1)
    near[["t_min", "t_max"]] += np.random.default_rng(0).uniform(-4e-4, 4e-4, (12, 2))
    both = joined({"a": table(0), "b": near})
    exact = joined({"a": table(0), "b": table(1)})
    assert torch.equal(both.values, exact.values)
    far = table(1)
    far.loc[4, "t_max"] += 0.01
    with pytest.raises(EnsembleError, match=r"a lacks 1 of 13 windows: 'r1' 3.00-9.01 s"):
        joined({"a": table(0), "b": far})


def test_windows_that_a_table_lacks_are_named_and_counted() -> None:
    with pytest.raises(EnsembleError) as caught:
        joined({"a": table(0), "b": table(1, recordings=2), "c": table(2).iloc[1:]})
    text = str(caught.value)
    assert (
        "b lacks 6 of 12 windows: 'r2' 0.00-6.00 s, 'r2' 3.00-9.00 s, 'r2' 5.50-11.50 s, …" in text
    )
    assert "c lacks 1 of 12 windows: 'r0' 0.00-6.00 s" in text
    assert "a lacks" not in text


def test_a_window_given_twice_is_refused() -> None:
    twice = pd.concat([table(1), table(1).iloc[[5]]])
    with pytest.raises(EnsembleError, match=r"b has twice 1 of 12 windows: 'r1' 5.50-11.50 s"):
        joined({"a": table(0), "b": twice})


def test_species_are_joined_by_name_and_the_rest_is_named(caplog: pytest.LogCaptureFixture) -> None:
    found = joined({"a": table(0), "b": table(1).rename(columns={"s11": "s12"})})
    assert set(found.species) == set(SPECIES) - {"s11"}
    assert "1 species of a are left out, as other tables lack them: s11" in caplog.text
    assert "1 species of b are left out, as other tables lack them: s12" in caplog.text
    other = Scores.of_windows("r1", [0.0], 6.0, [[0.1]], species=["Owl"]).frame()
    with pytest.raises(EnsembleError, match=r"no species in common: .*; b has 'Owl'"):
        joined({"a": table(0), "b": other})


def test_other_keys_are_named() -> None:
    named = [one.rename(columns={"s3": "Owl"}) for one in (table(0), shuffled(table(1), 0))]
    assert set(joined(dict(zip("ab", named, strict=True))).species) == {*SPECIES, "Owl"} - {"s3"}
    with pytest.raises(EnsembleError, match=r"a is of windows, b of recordings"):
        joined({"a": table(0), "b": table(1).drop(columns=["t_min", "t_max"])})


@pytest.mark.parametrize("wrong", [float("nan"), 1.5, -0.1])
def test_scores_that_are_no_probabilities_are_named(wrong: float) -> None:
    bad = table(1)
    bad.loc[4, "s7"] = wrong
    with pytest.raises(EnsembleError, match=r"b has scores .* 'r1' 3.00-9.00 s"):
        joined({"a": table(0), "b": bad})
