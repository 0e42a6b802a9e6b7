from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.inference import (
    EnsembleError,
    combine,
    common_settings,
    fit_weights,
    given_weights,
    join_scores,
    score_table,
)
from rfcx_audio.metric import masked_log_loss

SPECIES = [f"s{n}" for n in range(12)]


def table(seed: int, recordings: int = 4) -> pd.DataFrame:
    """Three windows of 6 s in each recording."""
    rng = np.random.default_rng(seed)
    starts_s = np.array([0.0, 3.0, 5.5])
    parts = [
        score_table(f"r{n}", starts_s, 6.0, rng.random((3, 12), dtype=np.float32))
        for n in range(recordings)
    ]
    return pd.concat(parts, ignore_index=True)


def shuffled(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same rows and columns in another order."""
    mixed = scores.sample(frac=1, random_state=seed)
    return mixed[[*reversed(SPECIES), "t_max", "recording_id", "t_min"]]


def cell(scores: pd.DataFrame, recording: str, t_min: float, species: str) -> float:
    which = (scores["recording_id"] == recording) & (abs(scores["t_min"] - t_min) < 0.01)
    return scores.loc[which, species].item()


def test_cells_are_found_by_key() -> None:
    a, b = table(0), table(1)
    joined = join_scores({"a": shuffled(a, 0), "b": shuffled(b, 1)})
    assert joined.species == SPECIES
    for row, key in enumerate(joined.keys.itertuples()):
        for column, species in enumerate(SPECIES):
            for member, source in enumerate((a, b)):
                expected = cell(source, key.recording_id, key.t_min, species)
                assert joined.scores[member, row, column] == pytest.approx(expected)


def test_the_order_of_rows_and_columns_changes_nothing() -> None:
    plain = join_scores({"a": table(0), "b": table(1)})
    mixed = join_scores({"a": shuffled(table(0), 3), "b": shuffled(table(1), 4)})
    pd.testing.assert_frame_equal(plain.keys, mixed.keys)
    assert torch.equal(plain.scores, mixed.scores)


def test_times_may_differ_within_the_tolerance_and_no_further() -> None:
    near = table(1)
    near[["t_min", "t_max"]] += np.random.default_rng(0).uniform(-4e-4, 4e-4, (12, 2))
    joined = join_scores({"a": table(0), "b": near})
    exact = join_scores({"a": table(0), "b": table(1)})
    assert torch.equal(joined.scores, exact.scores)
    far = table(1)
    far.loc[4, "t_max"] += 0.01
    with pytest.raises(EnsembleError, match=r"a lacks 1 of 13 windows: 'r1' 3.00-9.01 s"):
        join_scores({"a": table(0), "b": far})


def test_windows_that_a_table_lacks_are_named_and_counted() -> None:
    with pytest.raises(EnsembleError) as caught:
        join_scores({"a": table(0), "b": table(1, recordings=2), "c": table(2).iloc[1:]})
    text = str(caught.value)
    assert (
        "b lacks 6 of 12 windows: 'r2' 0.00-6.00 s, 'r2' 3.00-9.00 s, 'r2' 5.50-11.50 s, …" in text
    )
    assert "c lacks 1 of 12 windows: 'r0' 0.00-6.00 s" in text
    assert "a lacks" not in text


def test_a_window_given_twice_is_refused() -> None:
    twice = pd.concat([table(1), table(1).iloc[[5]]])
    with pytest.raises(EnsembleError, match=r"b has twice 1 of 12 windows: 'r1' 5.50-11.50 s"):
        join_scores({"a": table(0), "b": twice})


def test_other_species_and_columns_are_named() -> None:
    with pytest.raises(EnsembleError, match=r"only a has \['s11'\], only b has \['s12'\]"):
        join_scores({"a": table(0), "b": table(1).rename(columns={"s11": "s12"})})
    with pytest.raises(EnsembleError, match=r"a has the columns .*'note'"):
        join_scores({"a": table(0).rename(columns={"s3": "note"})})
    with pytest.raises(EnsembleError, match=r"b lacks the column\(s\) t_min, t_max"):
        join_scores({"a": table(0), "b": table(1).drop(columns=["t_min", "t_max"])})


@pytest.mark.parametrize("wrong", [float("nan"), 1.5, -0.1])
def test_scores_that_are_no_probabilities_are_named(wrong: float) -> None:
    bad = table(1)
    bad.loc[4, "s7"] = wrong
    with pytest.raises(EnsembleError, match=r"b has scores .* 'r1' 3.00-9.00 s"):
        join_scores({"a": table(0), "b": bad})


def test_means_equal_plain_loops() -> None:
    scores, weights = torch.rand(3, 5, 2), torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    scores[:, 0, 0] = torch.tensor([0.0, 1.0, 0.5])
    mean, geometric, rank = (combine(scores, weights, how) for how in ("mean", "geometric", "rank"))
    for row in range(5):
        for species in range(2):
            said = scores[:, row, species].tolist()
            column = scores[:, :, species]
            below = (column < column[:, [row]]).sum(1).tolist()
            pairs = list(zip(weights.tolist(), said, strict=True))
            assert mean[row, species].item() == pytest.approx(sum(w * p for w, p in pairs))
            assert geometric[row, species].item() == pytest.approx(
                math.prod(max(p, 1e-6) ** w for w, p in pairs)
            )
            expected = sum(w * n / 4 for w, n in zip(weights.tolist(), below, strict=True))
            assert rank[row, species].item() == pytest.approx(expected)


def test_tied_scores_share_their_rank() -> None:
    scores = torch.tensor([0.2, 0.5, 0.5, 0.9])[None, :, None]
    ranks = combine(scores, torch.ones(1, dtype=torch.float64), "rank")
    assert ranks.flatten().tolist() == pytest.approx([0, 0.5, 0.5, 1])


def test_rank_mean_does_not_know_the_scale_of_a_member() -> None:
    scores, weights = torch.rand(2, 20, 3), given_weights([2, 1], 2)
    squared = torch.stack([scores[0] ** 2, scores[1]])
    assert torch.equal(combine(scores, weights, "rank"), combine(squared, weights, "rank"))


def test_an_unknown_combination_is_refused() -> None:
    with pytest.raises(ValueError, match="choose mean, rank or geometric"):
        combine(torch.rand(1, 2, 2), torch.ones(1), "median")  # type: ignore[arg-type]


def test_weights_are_normalised_and_checked() -> None:
    assert given_weights([3, 1], 2).tolist() == [0.75, 0.25]
    assert given_weights(None, 4).tolist() == [0.25] * 4
    for wrong in ([1], [1, -1], [0, 0], [1, float("nan")]):
        with pytest.raises(EnsembleError, match="expected 2 numbers of at least 0"):
            given_weights(wrong, 2)


@pytest.fixture
def told() -> tuple[torch.Tensor, Labels]:
    """A good, a fair and a useless member, and what is known of a tenth of the cells."""
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(200, 12, generator=generator) < 0.3).float()
    known = (torch.rand(200, 12, generator=generator) < 0.1).float()
    noise = torch.randn(3, 200, 12, generator=generator)
    use = torch.tensor([2.0, 1.0, 0.0])[:, None, None]
    return (use * (2 * target - 1) + noise).sigmoid(), Labels(target, known)


@pytest.mark.parametrize("how", ["mean", "geometric"])
def test_fitted_weights_are_as_good_as_a_grid_of_them(
    told: tuple[torch.Tensor, Labels], how: str
) -> None:
    scores, labels = told

    def loss(weights: torch.Tensor) -> float:
        return masked_log_loss(combine(scores, weights, how), *labels).item()

    found = fit_weights(scores, labels, how)
    assert found.sum().item() == pytest.approx(1)
    assert (found >= 0).all()
    steps = [(a, b, 50 - a - b) for a in range(51) for b in range(51 - a)]
    grid = [given_weights(step, 3) for step in steps]
    best = min(grid, key=loss)
    assert loss(found) <= loss(best) + 1e-9
    assert (found - best).abs().max() < 0.03


def test_unknown_cells_do_not_move_the_weights(told: tuple[torch.Tensor, Labels]) -> None:
    scores, labels = told
    other = torch.where(labels.known > 0, scores, torch.rand_like(scores))
    turned = Labels(torch.where(labels.known > 0, labels.target, 1 - labels.target), labels.known)
    assert torch.equal(fit_weights(scores, labels), fit_weights(other, turned))


def test_a_single_member_has_all_the_weight(told: tuple[torch.Tensor, Labels]) -> None:
    assert fit_weights(told[0][:1], told[1]).tolist() == [1.0]


def test_what_cannot_be_fitted_is_said(told: tuple[torch.Tensor, Labels]) -> None:
    scores, labels = told
    with pytest.raises(EnsembleError, match="how=rank"):
        fit_weights(scores, labels, "rank")
    with pytest.raises(EnsembleError, match=r"0 present and .* fitting weights needs both"):
        fit_weights(scores, Labels(labels.target * 0, labels.known))


def test_settings_that_tables_share_are_kept_and_others_refused() -> None:
    made = {"duration_s": 6.0, "pool": "max", "frontend": "LogMel(a)", "tta": 3}
    shared = {name: made[name] for name in ("duration_s", "pool", "frontend")}
    assert common_settings({"a": made, "b": {**made, "tta": 1}, "c": {}}) == shared
    with pytest.raises(EnsembleError, match=r"b was made with pool = mean, a with max"):
        common_settings({"a": made, "b": {**made, "pool": "mean"}})
    other = {"a": made, "b": {**made, "frontend": "LogMel(b)"}}
    with pytest.raises(EnsembleError, match=r"b was made with frontend = LogMel\(b\), a with"):
        common_settings(other)
    assert "frontend" not in common_settings(other, mixed_frontends=True)
