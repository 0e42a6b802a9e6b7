"""Random scores of thirty recordings, and calls in all of them but one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.scores import Scores


@pytest.fixture
def scores() -> Scores:
    rng = np.random.default_rng(0)
    starts_s = np.arange(4) * 3.0
    parts = [Scores.of_windows(f"r{n}", starts_s, 6.0, rng.random((4, 24))) for n in range(30)]
    return Scores.concatenate(parts)


@pytest.fixture
def truth() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    calls = {"recording_id": [f"r{n % 29}" for n in range(150)]}
    rows = pd.DataFrame({**calls, "species_id": rng.integers(0, 24, 150)})
    untimed = dict.fromkeys(("t_min", "f_min", "t_max", "f_max"), np.nan)
    return rows.assign(songtype_id=1, present=True, weight=1.0, **untimed)
