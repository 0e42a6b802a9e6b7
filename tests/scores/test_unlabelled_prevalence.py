from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rfcx_audio.data import Annotations, read_annotations
from rfcx_audio.scores import Scores, unlabelled_prevalence


def scored(present: np.ndarray, prefix: str, pool: str = "max") -> Scores:
    rng = np.random.default_rng(len(present))
    parts = [
        Scores.of_windows(
            f"{prefix}{n}", [0.0, 6.0], 6.0, expit(rng.normal(-3, 0.5, (2, 2)) + 5 * there)
        )
        for n, there in enumerate(present)
    ]
    return Scores.concatenate(parts).with_values(
        np.concatenate([part.values for part in parts]), pool=pool
    )


@pytest.fixture
def known(tmp_path: Path) -> tuple[Scores, Annotations]:
    """Out-of-fold scores, and what is known of them: each species is in every second recording."""
    present = np.arange(40)[:, None] % 2 == [0, 1]
    where, species = np.nonzero(present)
    rows = pd.DataFrame({"recording_id": [f"k{n}" for n in where], "species_id": species})
    rows.assign(t_min=0.0, t_max=12.0).to_csv(tmp_path / "truth.csv", index=False)
    return scored(present, "k"), read_annotations(tmp_path / "truth.csv")


def test_the_frequency_of_unlabelled_calls_is_found(known: tuple[Scores, Annotations]) -> None:
    unlabelled = scored(np.arange(60)[:, None] < np.array([48, 6]), "u")
    found = unlabelled_prevalence(unlabelled, *known)
    np.testing.assert_allclose(found.estimate, [0.8, 0.1], atol=0.06)
    assert ((found.low < found.estimate) & (found.estimate < found.high)).all()


def test_what_gives_no_comparable_estimate_is_refused(known: tuple[Scores, Annotations]) -> None:
    unlabelled = scored(np.ones((3, 2)), "u", "mean")
    with pytest.raises(ValueError, match="predict with pool=max"):
        unlabelled_prevalence(unlabelled, *known)
