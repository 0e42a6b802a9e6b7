from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rfcx_audio.config import load_config, variant
from rfcx_audio.data import FeatureStore
from rfcx_audio.experiment import settle, train_run
from rfcx_audio.experiment.embeddings import EMBEDDINGS, with_store
from rfcx_audio.scoring import load_recogniser
from stores import RATE, WINDOW_S, encoder, recordings, words, write_data


def test_a_run_without_a_store_embeds_its_recordings_first_and_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = write_data(tmp_path / "data", 4)
    file = str(encoder(tmp_path).settings["file"])
    given = {"_target_": "tiny_encoders.Bands", "file": file, "sample_rate": RATE}
    config = load_config("train", [*words(root), f"out={tmp_path / 'run'}"])
    changes = {"data.store": None, "model.encoder": {**given, "window_s": WINDOW_S}}
    with caplog.at_level(logging.INFO):
        train_run(variant(config, changes))
    place = tmp_path / "run" / EMBEDDINGS
    assert f"data.store={place}" in caplog.text
    store = FeatureStore.open(place)
    assert set(store.places) == {f"audio/{name}" for name in recordings(root)}
    written = (place / "features.npy").stat().st_mtime_ns

    again = variant(config, {"data.store": str(place), "paths.output_dir": str(tmp_path / "two")})
    train_run(again)
    assert with_store(settle(variant(config, changes)), tmp_path / "run").data.store == str(place)
    assert (place / "features.npy").stat().st_mtime_ns == written
    one, two = (
        load_recogniser(tmp_path / name / "checkpoints" / "best.ckpt", encoder=encoder(tmp_path))
        for name in ("run", "two")
    )
    assert (one.score_store(store).values == two.score_store(store).values).all()


def test_a_given_store_is_left_alone(tmp_path: Path) -> None:
    config = load_config(
        "train", ["model=features", "data.store=x", "data.pasted=null", f"out={tmp_path}"]
    )
    assert with_store(config, tmp_path) is config
    assert not list(tmp_path.iterdir())
