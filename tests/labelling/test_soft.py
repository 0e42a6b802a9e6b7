from __future__ import annotations

import numpy as np
import pytest

from rfcx_audio.data import SOFT_METADATA
from rfcx_audio.labelling import FrameScores, Soft, mean_scores
from rfcx_audio.scores import Scores


def test_frames_are_labelled_where_a_teacher_localises_and_else_windows() -> None:
    scores = Scores.of_windows("dusk", [0.0, 1.0], 2.0, [[0.9], [0.4]], species=["owl"])
    whole = {"dusk": FrameScores(np.array([0.0, 1.0]), 2.0, np.array([[[0.9]], [[0.4]]]))}
    assert Soft()(scores, whole) is scores
    parts = np.array([[[0.9], [0.2]], [[0.4], [0.1]]])
    found = Soft()(scores, {"dusk": FrameScores(np.array([0.0, 1.0]), 1.0, parts)})
    assert found.keys["t_min"].to_list() == [0.0, 1.0, 2.0]
    np.testing.assert_allclose(found.values[:, 0], [0.9, 0.3, 0.1], atol=1e-6)
    assert found.species == ("owl",)


def test_a_stretch_has_the_mean_of_the_teachers_that_scored_it() -> None:
    first = Scores.of_windows("dusk", [0.0, 2.00001], 4.0, [[0.2, 0.4], [0.6, 0.8]])
    second = Scores.of_windows("dusk", [0.0, 2.0], 4.0, [[0.4, 0.0], [0.0, 0.0]])
    alone = Scores.of_windows("dawn", [0.0], 4.0, [[0.7, 0.1]])
    found = mean_scores([first, second, alone], ["night", "noon"])
    assert found.keys["recording_id"].to_list() == ["dawn", "dusk", "dusk"]
    np.testing.assert_allclose(found.values, [[0.7, 0.1], [0.3, 0.2], [0.3, 0.4]], atol=1e-6)
    assert found.metadata[SOFT_METADATA]["teachers_saw"] == ["night", "noon"]
    assert mean_scores([alone], None).metadata[SOFT_METADATA]["teachers_saw"] is None


def test_teachers_of_other_stretches_have_no_mean() -> None:
    tables = [Scores.of_windows("dusk", [0.0], length, [[0.2]]) for length in (4.0, 6.0)]
    with pytest.raises(ValueError, match="stretches of 4, 6 s, of which there is no mean"):
        mean_scores(tables, None)
