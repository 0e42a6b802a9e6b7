from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from rfcx_audio.scores import implied_prior, prior_correction, prior_metadata, read_prior

PRIOR = torch.tensor([0.92, 0.003, 0.5])
WAS = torch.tensor([0.1, 0.1, 0.3])


def test_posteriors_move_by_the_rule_of_bayes() -> None:
    density = torch.rand(40, 2, 3, generator=torch.Generator().manual_seed(0)).double()

    def posterior(prior: torch.Tensor) -> torch.Tensor:
        here = density[:, 0] * prior
        return here / (here + density[:, 1] * (1 - prior))

    was, prior = WAS.double(), PRIOR.double()
    moved = prior_correction(posterior(was), prior, was)
    torch.testing.assert_close(moved, posterior(prior), rtol=1e-12, atol=0)


def test_an_unchanged_prior_changes_nothing_and_the_way_back_is_the_inverse() -> None:
    scores = torch.rand(50, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(prior_correction(scores, WAS, WAS), scores)
    there = prior_correction(scores.double(), PRIOR, WAS)
    back = prior_correction(there, WAS, PRIOR)
    torch.testing.assert_close(back, scores.double(), rtol=1e-10, atol=0)


def test_certain_scores_stay_certain() -> None:
    certain = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    assert torch.equal(prior_correction(certain, PRIOR, WAS), certain)


@pytest.mark.parametrize("wrong", [[0.5, 0.5], [0.5, 0.5, 1.0], [0.5, 0.5, float("nan")]])
def test_a_prior_out_of_range_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="expected 3 numbers between 0 and 1"):
        prior_correction(torch.rand(2, 3), torch.tensor(wrong), WAS)


def test_a_prior_is_read_by_species_and_not_by_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"species_id": [2, 0, 1], "prior_paper": [0.5, 0.92, 0.003]})
    table.assign(name="frog").to_csv(tmp_path / "prior.csv", index=False)
    assert read_prior(tmp_path / "prior.csv", "abc").tolist() == [0.92, 0.003, 0.5]
    with pytest.raises(ValueError, match="each of the 4 species, it has 3; not once there: '3'"):
        read_prior(tmp_path / "prior.csv", "abcd")
    table.assign(species=["Owl", "Frog", "Wren"]).to_csv(tmp_path / "named.csv", index=False)
    assert read_prior(tmp_path / "named.csv", ("Wren", "Owl")).tolist() == [0.003, 0.5]
    with pytest.raises(ValueError, match="not once there: 'Bat'"):
        read_prior(tmp_path / "named.csv", ("Wren", "Bat"))
    table.assign(prior_other=1).to_csv(tmp_path / "prior.csv", index=False)
    with pytest.raises(ValueError, match="one that begins with 'prior'"):
        read_prior(tmp_path / "prior.csv", "abc")


def test_the_metadata_of_corrected_scores_mark_them_as_test_informed() -> None:
    metadata = json.loads(json.dumps(prior_metadata(PRIOR.double(), WAS.double(), "p.csv")))
    assert metadata["test_informed"] is True
    assert metadata["source"] == "p.csv"
    assert metadata["prior"] == PRIOR.double().tolist()


def test_the_implied_prior_makes_the_mean_of_the_corrected_scores_the_prior() -> None:
    scores = torch.rand(300, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    prior = torch.tensor([0.001, 0.4, 0.99])
    corrected = prior_correction(scores, prior, implied_prior(scores, prior))
    torch.testing.assert_close(corrected.mean(0), prior.double(), rtol=1e-6, atol=0)
    assert (corrected.argsort(0) == scores.argsort(0)).all()
