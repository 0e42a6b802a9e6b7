"""Fixtures for tests of the studies: a study of one run, and measured runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from studied import study_of_one_run


@pytest.fixture(scope="session")
def studied(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study."""
    return study_of_one_run(forest, tmp_path_factory.mktemp("study"))


@pytest.fixture
def runs() -> pd.DataFrame:
    """Three seeds of eight techniques; `auc` orders them, `log_loss` reverses, `brier` is noise."""
    generator = np.random.default_rng(0)
    lines = []
    for number, entry in enumerate("abcdefgh"):
        for seed in range(3):
            true = 0.3 + 0.05 * number + 0.01 * seed
            lines.append(
                {
                    "entry": entry,
                    "seed": seed,
                    "epoch": "best",
                    "bound": entry == "h",
                    "test_lwlrap": true,
                    "test_auc": true + 0.1,
                    "auc": true**2,
                    "log_loss": true,
                    "brier": generator.random(),
                    "agreement_teacher": np.nan if entry == "a" else true,
                    "true_auc": true,
                }
            )
    return pd.DataFrame(lines)


@pytest.fixture
def epochs() -> pd.DataFrame:
    """Four epochs of two runs; the third is the best by the truth and by `auc`."""
    lines = [
        {
            "entry": "a",
            "seed": seed,
            "epoch": f"epoch={epoch}",
            "bound": False,
            "test_lwlrap": true + 0.1 * seed,
            "test_auc": true,
            "auc": true,
            "log_loss": true,
        }
        for seed in range(2)
        for epoch, true in enumerate((0.4, 0.5, 0.7, 0.6))
    ]
    return pd.DataFrame(lines)
