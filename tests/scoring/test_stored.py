from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from rfcx_audio.data import AudioReader, FeatureStore, StoreError
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.model import AttentiveHead, FeatureDetector
from rfcx_audio.scoring import Recogniser, SlidingWindows, View
from rfcx_audio.scoring.stored import stored_scores
from stores import RATE, encoder, frontend, recordings, write_data, write_store


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_data(tmp_path_factory.mktemp("data"), 3)
    write_store(root, recordings(root), frontend(root))
    return root


def recogniser(
    made_by: EncoderFrontend, duration_s: float = 0.5, views: tuple[View, ...] = (View(),)
) -> Recogniser:
    torch.manual_seed(0)
    detector = FeatureDetector(made_by.encoder, partial(AttentiveHead, num_species=2))
    torch.nn.init.normal_(detector.head.attention.weight)
    detector.standardise(torch.full((5,), 0.01), torch.full((5,), 0.02))
    windows = SlidingWindows(duration_s, smooth=3)
    return Recogniser(AudioReader(RATE), made_by, detector, windows, ("a", "b"), views).eval()


@pytest.mark.parametrize("duration_s", [0.5, 1.0, 1.25])
def test_stored_features_get_the_scores_of_their_sound(root: Path, duration_s: float) -> None:
    model, store = recogniser(frontend(root), duration_s), FeatureStore.open(root / "store")
    expected, frames = model.frames(recordings(root))
    scores, of_store = model.store_frames(store)
    assert scores.keys.equals(expected.keys)
    assert scores.metadata == expected.metadata
    np.testing.assert_allclose(scores.values, expected.values, atol=1e-5)
    np.testing.assert_allclose(model.score_store(store).values, expected.values, atol=1e-5)
    for name, frame in frames.items():
        np.testing.assert_allclose(of_store[name].scores, frame.scores, atol=1e-5)
        assert of_store[name].frame_s == frame.frame_s


def test_a_few_windows_at_a_time_get_the_same_scores(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, store = recogniser(frontend(root)), FeatureStore.open(root / "store")
    expected = model.score_store(store).values
    monkeypatch.setattr("rfcx_audio.scoring.stored._AT_ONCE", 20)
    np.testing.assert_allclose(model.score_store(store).values, expected, atol=1e-6)


def test_some_recordings_may_be_chosen_and_named(root: Path) -> None:
    model, store = recogniser(frontend(root)), FeatureStore.open(root / "store")
    (first, *_) = store.places
    assert model.score_store(store, {"mine": first}).recordings == ["mine"]
    with pytest.raises(StoreError, match="no features of 'nothing'"):
        model.score_store(store, {"mine": "nothing"})


def test_what_a_store_cannot_answer_is_refused(root: Path) -> None:
    store = FeatureStore.open(root / "store")
    other = EncoderFrontend(encoder(root), 0.1)
    with pytest.raises(StoreError, match="hop_s"):
        recogniser(other).score_store(store)
    with pytest.raises(StoreError, match="leave tta at 1"):
        recogniser(frontend(root), views=(View(), View(gain_db=3.0))).score_store(store)
    spectrograms = recogniser(frontend(root))
    spectrograms.frontend = LogMel(RATE, 128, 64, 8, 50, 400)
    with pytest.raises(StoreError, match="scores spectrograms"):
        next(stored_scores(spectrograms, store, None, with_frames=False))
