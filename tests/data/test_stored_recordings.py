from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rfcx_audio.data import FeatureStore, Recordings, StoredCrops, StoreError, check_store
from rfcx_audio.data.stored_recordings import kept, samples_of, stored_names
from stores import HOP_S, frontend, recordings, write_data, write_store


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_data(tmp_path_factory.mktemp("stored"), 4)
    write_store(root, recordings(root), frontend(root))
    return root


def test_a_store_of_the_same_encoder_is_accepted(root: Path) -> None:
    check_store(FeatureStore.open(root / "store"), frontend(root))


def test_what_differs_is_named(root: Path) -> None:
    store = FeatureStore.open(root / "store")
    with pytest.raises(StoreError, match=r"hop_s 0\.25 in place of 0\.2;"):
        check_store(store, frontend(root, hop_s=0.2))
    with pytest.raises(StoreError, match=r"SHA-256 .* in place of"):
        check_store(store, frontend(root, width=6))
    for name, value in {"output": "inner", "peak": 0.25, "layer": "encoder.1"}.items():
        other = frontend(root)
        other.encoder.settings[name] = value
        message = rf"made with {name} None of the encoder in place of {value};"
        with pytest.raises(StoreError, match=message):
            check_store(store, other)
    louder = frontend(root)
    louder.gain_db = 6.0
    with pytest.raises(StoreError, match="gain_db 0 in place of 6"):
        check_store(store, louder)


def test_recordings_are_found_by_the_end_of_their_paths(root: Path) -> None:
    store = FeatureStore.open(root / "store")
    found = Recordings.probe(recordings(root))
    windows = {name: len(store.of(name)[0]) for name in found.paths}
    assert stored_names(store, found, windows) == {name: name for name in found.paths}
    renamed = Recordings.probe({f"x{i}": path for i, path in enumerate(found.paths.values())})
    of_renamed = dict(zip(renamed.paths, windows.values(), strict=True))
    names = stored_names(store, renamed, of_renamed)
    assert list(names.values()) == list(found.paths)
    twice = Recordings.probe(
        {name: path for name in "ab" for path in [next(iter(found.paths.values()))]}
    )
    assert stored_names(store, twice, {"a": 11, "b": 11}) == {}  # one of them must be another


def test_another_length_is_another_recording(root: Path) -> None:
    store, found = FeatureStore.open(root / "store"), Recordings.probe(recordings(root))
    assert stored_names(store, found, dict.fromkeys(found.paths, 3)) == {}


def test_recordings_without_features_are_failures_where_they_are_wanted(root: Path) -> None:
    found = Recordings.probe(recordings(root))
    first, second, *_ = found.paths
    left = kept(found, {first: "there"}, [first, second])
    assert list(left.paths) == list(left.infos) == [first]
    assert list(left.failures) == [second]


def test_crops_are_stretches_of_the_store_and_silence_follows_a_short_recording() -> None:
    features = np.arange(24, dtype=np.float16).reshape(8, 3)
    crops = StoredCrops(features, 3, lambda: torch.tensor([-1.0, -2.0, -3.0]))
    found = crops.cut(np.array([1, 6]), np.array([5, 8]))
    assert found.shape == (2, 1, 3, 3)
    assert found[0, 0].T.tolist() == features[1:4].tolist()
    assert found[1, 0].T.tolist() == [*features[6:8].tolist(), [-1.0, -2.0, -3.0]]


def test_the_encoder_is_asked_for_silence_only_where_it_is_needed() -> None:
    crops = StoredCrops(np.zeros((4, 2), np.float32), 2, lambda: pytest.fail("asked"))
    crops.cut(np.array([0, 2]), np.array([4, 4]))


def test_lengths_and_windows_are_inverse(root: Path) -> None:
    made_by = frontend(root)
    for windows in (1, 2, 11):
        assert made_by.num_frames(samples_of(made_by, windows)) == windows
        assert made_by.num_frames(samples_of(made_by, windows) + 1) == windows + 1
    assert made_by.hop_s == HOP_S
