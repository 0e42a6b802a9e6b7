from __future__ import annotations

import builtins
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.scoring.nearest import similarities
from rfcx_audio.scoring.window_index import INDEX, WindowIndex

WIDTH = 24


def store_of(folder: Path, windows: int) -> FeatureStore:
    """Windows of forty sounds that differ, each many times with some noise."""
    rng = np.random.default_rng(3)
    sounds, noise = rng.normal(size=(40, WIDTH)), rng.normal(size=(3000, WIDTH))
    features = (sounds[np.arange(3000) % 40] + 0.3 * noise)[:windows].astype("float16")
    starts_s = np.arange(windows) * 1.5
    keys = pd.DataFrame({"recording_id": "dawn", "t_min": starts_s, "t_max": starts_s + 3})
    return FeatureStore(folder, {}, keys, features)


def best(store: FeatureStore, query: torch.Tensor, number: int) -> set[int]:
    return set(np.argsort(-similarities(store.features, query))[:number].tolist())


@pytest.fixture
def built(tmp_path: Path) -> WindowIndex:
    return WindowIndex.of(store_of(tmp_path, 3000))


def test_nearly_all_of_the_nearest_windows_are_among_the_candidates(
    built: WindowIndex, tmp_path: Path
) -> None:
    store = store_of(tmp_path, 3000)
    shares = []
    for row in range(0, 3000, 100):
        query = torch.from_numpy(store.features[row : row + 1]).float()
        found = built.candidates(query, 200)
        assert len(found) <= 200
        assert (np.diff(found) > 0).all()
        assert row in found
        shares.append(len(best(store, query, 20) & set(found.tolist())) / 20)
    assert np.mean(shares) > 0.95


def test_each_of_several_queries_has_its_candidates(built: WindowIndex, tmp_path: Path) -> None:
    store = store_of(tmp_path, 3000)
    queries = torch.from_numpy(store.features[:2]).float()
    alone = [built.candidates(query[None], 50) for query in queries]
    np.testing.assert_array_equal(built.candidates(queries, 50), np.union1d(*alone))


def test_it_is_read_again_and_extended_by_later_windows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    WindowIndex.of(store_of(tmp_path, 2000))
    assert "indexing 2000 windows" in caplog.text
    caplog.clear()
    WindowIndex.of(store_of(tmp_path, 2000))
    assert not caplog.text
    longer = WindowIndex.of(store_of(tmp_path, 3000))
    assert "indexing 1000 windows" in caplog.text
    query = torch.from_numpy(store_of(tmp_path, 3000).features[2900:2901]).float()
    assert 2900 in longer.candidates(query, 50)


@pytest.mark.parametrize("what", ["other windows", "fewer windows", "no description"])
def test_an_index_of_another_store_is_made_anew(what: str, tmp_path: Path) -> None:
    WindowIndex.of(store_of(tmp_path, 2000))
    store = store_of(tmp_path, 1999 if what == "fewer windows" else 2000)
    if what == "other windows":
        store.keys.loc[7, "t_min"] = 0.25
    if what == "no description":
        (tmp_path / "index.json").unlink()
    before = (tmp_path / INDEX).stat().st_mtime_ns
    assert len(WindowIndex.of(store).index) == len(store.keys)
    assert (tmp_path / INDEX).stat().st_mtime_ns > before
    assert json.loads((tmp_path / "index.json").read_text())["windows"] == len(store.keys)


def test_without_usearch_the_error_names_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "usearch.index":
            raise ModuleNotFoundError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"rfcx-audio\[search\].*exact_up_to=null"):
        WindowIndex.of(store_of(tmp_path, 100))
