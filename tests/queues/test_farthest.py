import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from queued import frame
from rfcx_audio.data.feature_store import FEATURES, SETTINGS, WINDOWS, FeatureStore
from rfcx_audio.queues import Farthest, QueueError
from rfcx_audio.queues.earlier import nothing
from rfcx_audio.queues.farthest import features_of

HALF_S = 1.5


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """Features of windows of 3 s, each in one of eight directions."""
    names, starts = np.repeat([f"night_{n:04d}" for n in range(20)], 11), np.arange(11) * 3.0
    keys = pd.DataFrame({"recording_id": names, "t_min": np.tile(starts, 20)})
    keys["t_max"] = keys["t_min"] + 2 * HALF_S
    keys.to_parquet(tmp_path / WINDOWS)
    direction = np.random.default_rng(0).integers(8, size=len(keys))
    np.save(tmp_path / FEATURES, np.eye(8, dtype=np.float16)[direction])
    (tmp_path / SETTINGS).write_text(json.dumps({"window_s": 2 * HALF_S}))
    return tmp_path


def test_features_of_a_clip_are_the_mean_of_those_inside(features: Path) -> None:
    store, candidates = FeatureStore.open(features), frame(20)
    rows = np.array([0, 33, 90])
    for row, found in zip(rows, features_of(candidates, rows, store), strict=True):
        one = candidates.table.iloc[row]
        keys = store.keys
        inside = (keys["recording_id"] == one["recording_id"]) & keys["t_min"].between(
            one["t_min"], one["t_max"] - 2 * HALF_S
        )
        mean = store.features[inside.to_numpy()].astype(float).mean(0)
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_each_clip_is_the_farthest_from_those_before(features: Path) -> None:
    candidates = frame(20)
    design = Farthest(number=12, features=str(features), pool=8)
    clips = design.draw(candidates, nothing(candidates)).clips
    assert len(clips) == 12
    assert not clips["window"].duplicated().any()
    store = FeatureStore.open(features)
    places = candidates.table.index.get_indexer(clips.index)
    vectors = features_of(candidates, places, store)
    near = [float((vectors[:n] @ vectors[n]).max()) for n in range(1, 12)]
    assert near == sorted(near)
    assert near[0] == pytest.approx(0, abs=1e-6)
    table = candidates.table
    assert abs(clips["score"].iloc[0] - 0.5) == (table["score"] - 0.5).abs().min()


def test_answered_clips_count_as_taken(features: Path) -> None:
    candidates = frame(20)
    design = Farthest(number=1, features=str(features))
    first = design.draw(candidates, nothing(candidates)).clips
    earlier = nothing(candidates)
    place = candidates.table.index.get_indexer(first.index)
    earlier.clip[place], earlier.overlaps[place] = 1, True
    second = design.draw(candidates, earlier).clips
    store = FeatureStore.open(features)
    both = [
        features_of(candidates, candidates.table.index.get_indexer(c.index), store)[0]
        for c in (first, second)
    ]
    assert both[0] @ both[1] == pytest.approx(0, abs=1e-6)


def test_features_are_needed(features: Path) -> None:
    candidates = frame(2)
    with pytest.raises(QueueError, match="needs features"):
        Farthest().draw(candidates, nothing(candidates))
    with pytest.raises(QueueError, match=r"pool = 0"):
        Farthest(features=str(features), pool=0).draw(candidates, nothing(candidates))
    earlier = nothing(candidates)
    earlier.overlaps[:] = True
    with pytest.raises(QueueError, match="nothing is left"):
        Farthest(features=str(features)).draw(candidates, earlier)
