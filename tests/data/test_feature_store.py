from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data.feature_store import FeatureStore, StoreError


def write(
    folder: Path, names: list[str], extra_rows: int = 0, dtype: str = "float16"
) -> np.ndarray:
    """A store of windows of 2 s every second; returns its features."""
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps({"window_s": 2.0}))
    within = [names[:place].count(name) for place, name in enumerate(names)]
    columns = {"recording_id": names, "t_min": np.array(within, float)}
    keys = pd.DataFrame(columns).assign(t_max=lambda table: table["t_min"] + 2.0)
    keys.to_parquet(folder / "windows.parquet", index=False)
    features = np.random.default_rng(0).normal(size=(len(names) + extra_rows, 4)).astype(dtype)
    np.save(folder / "features.npy", features)
    return features


def test_a_recording_has_its_own_rows_and_times(tmp_path: Path) -> None:
    features = write(tmp_path, ["b", "b", "a", "c", "c", "c"])
    store = FeatureStore.open(tmp_path)
    assert list(store.places) == ["b", "a", "c"]
    starts_s, found = store.of("c")
    assert starts_s.tolist() == [0.0, 1.0, 2.0]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, features[3:].astype("f4"))
    assert store.settings == {"window_s": 2.0}
    with pytest.raises(StoreError, match="has no features of 'd'"):
        store.of("d")


def test_features_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    write(tmp_path, ["a"])
    store = FeatureStore.open(tmp_path)
    assert isinstance(store.features, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.features[0, 0] = 1


def test_rows_that_no_window_names_are_left_out(tmp_path: Path) -> None:
    features = write(tmp_path, ["a", "a"], extra_rows=3)
    np.testing.assert_array_equal(FeatureStore.open(tmp_path).features, features[:2])


def test_a_store_may_be_empty(tmp_path: Path) -> None:
    write(tmp_path, [])
    store = FeatureStore.open(tmp_path)
    assert store.places == {}
    assert store.features.shape == (0, 4)


@pytest.mark.parametrize("name", ["settings.json", "windows.parquet", "features.npy"])
@pytest.mark.parametrize("content", [b"", b"broken"])
def test_a_broken_file_is_refused_with_a_way_out(tmp_path: Path, name: str, content: bytes) -> None:
    write(tmp_path, ["a"])
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreError, match=r"has a file that cannot be read: .*rfcx-audio embed"):
        FeatureStore.open(tmp_path)


def test_what_is_no_store_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"lacks settings\.json, windows\.parquet, features\.npy"):
        FeatureStore.open(tmp_path)
    write(tmp_path, ["a", "b"])
    np.save(tmp_path / "features.npy", np.zeros((1, 4)))
    with pytest.raises(StoreError, match=r"features\.npy has 1 rows, windows\.parquet 2; remove"):
        FeatureStore.open(tmp_path)
