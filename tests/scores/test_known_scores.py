from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import EVERYWHERE, Annotations
from rfcx_audio.scores import Scores
from rfcx_audio.scores.known_scores import known_scores


@pytest.fixture
def windows() -> pd.DataFrame:
    lines = [
        (name, start, start + 6, *scores)
        for name, rising in (("a", 0.1), ("b", 0.2), ("silent", 0.3))
        for start, *scores in ((0.0, rising, 0.6), (4.0, 2 * rising, 0.5), (8.0, rising, 0.4))
    ]
    return pd.DataFrame(lines, columns=pd.Index(["recording_id", "t_min", "t_max", "s0", "s1"]))


def row(name: str, species: int, present: bool, t_min: float) -> dict[str, object]:
    box = {"f_min": 100.0, "f_max": 200.0, "songtype_id": 1, "weight": 1.0}
    key = {"recording_id": name, "species_id": species, "present": present}
    return {**key, **box, "t_min": t_min, "t_max": t_min + 1}


def test_known_scores_are_of_recordings_with_tp_rows_and_of_windows_with_fp_rows(
    windows: pd.DataFrame,
) -> None:
    rows = [row("a", 0, True, 1.0), row("a", 1, False, 4.5), row("b", 0, False, 12.0)]
    scores = Scores.from_frame(windows)
    known = known_scores(scores, Annotations(pd.DataFrame(rows)), "max", 0.5)
    nan = np.nan
    np.testing.assert_allclose(known.present, [[0.2, nan], [nan, nan]])
    np.testing.assert_allclose(known.absent, [[nan, 0.6], [0.2, nan]])
    np.testing.assert_allclose(known.share, [[0, 2 / 3], [1 / 3, 0]])
    elsewhere = Annotations(pd.DataFrame(rows).assign(recording_id="other"))
    with pytest.raises(ValueError, match="check the recording ids"):
        known_scores(scores, elsewhere, "max", 0.5)
    calls = pd.DataFrame([row("a", 0, True, 1.0), row("b", 1, True, 1.0)])
    everything = known_scores(scores, Annotations(calls, complete=EVERYWHERE), "max", 0.5)
    np.testing.assert_allclose(everything.present, [[0.2, nan], [nan, 0.6], [nan, nan]])
    np.testing.assert_allclose(everything.absent, [[0.2, 0.6], [0.4, 0.5], [0.6, 0.6]])
