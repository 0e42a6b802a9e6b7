from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException

from rfcx_audio.config import load_config, variant
from rfcx_audio.data import StoreError
from rfcx_audio.encoders import EncoderFileError
from rfcx_audio.experiment.encoders import has_encoder, with_encoder
from stores import (
    HOP_S,
    RATE,
    WIDTH,
    WINDOW_S,
    encoder,
    frontend,
    recordings,
    write_data,
    write_store,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_data(tmp_path_factory.mktemp("data"), 2)
    write_store(root, recordings(root), frontend(root))
    return root


def config(root: Path, *more: str) -> Any:
    return load_config("train", ["model=features", "data=table", f"out={root / 'run'}", *more])


def of_file(root: Path) -> dict[str, Any]:
    """An encoder as a user gives it, who knows no more than this."""
    file = encoder(root).settings["file"]
    kind = {"_target_": "tiny_encoders.Bands", "file": file}
    return {**kind, "sample_rate": RATE, "window_s": WINDOW_S}


def test_a_network_on_spectrograms_has_no_encoder(root: Path) -> None:
    plain = load_config("train", [f"out={root / 'run'}"])
    assert not has_encoder(plain)
    assert with_encoder(plain) is plain


def test_a_store_states_its_encoder(root: Path) -> None:
    found = with_encoder(config(root, f"data.store={root / 'store'}"))
    assert found.model.encoder.sha256 == found.frontend.encoder.sha256 == encoder(root).sha256
    assert found.method.model.encoder.num_features == WIDTH
    assert (found.frontend.hop_s, found.frontend.gain_db) == (HOP_S, 0.0)
    assert found.data.sample_rate == found.data.reader.sample_rate == RATE
    assert found.data.crop_duration_s == found.inference.duration_s == WINDOW_S
    assert found.data.crops.frame_s == HOP_S


def test_given_values_stay(root: Path) -> None:
    more = ("data.crop_duration_s=2", "data.sample_rate=48000", "frontend.hop_s=0.4")
    found = with_encoder(config(root, f"data.store={root / 'store'}", *more))
    assert found.data.crop_duration_s == 2
    assert found.frontend.hop_s == 0.4  # which the data module compares with the store
    assert (found.data.sample_rate, found.data.reader.sample_rate) == (48000, RATE)


def test_an_encoders_file_states_the_rest(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    given = {**of_file(root), "file": f"weights{WIDTH}.txt"}
    found = with_encoder(variant(config(root), {"model.encoder": given}))
    assert found.model.encoder.sha256 == encoder(root).sha256
    assert found.model.encoder.num_features == WIDTH
    assert found.model.encoder.file == str(root / f"weights{WIDTH}.txt")  # from any folder
    assert found.frontend.hop_s == WINDOW_S / 2


def test_where_the_file_is_now_may_be_given_beside_a_store(root: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.txt"
    given = {**of_file(root), "file": str(moved)}
    of_store = config(root, f"data.store={root / 'store'}")
    found = with_encoder(variant(of_store, {"model.encoder": given}))
    assert found.model.encoder.file == str(moved)
    assert found.model.encoder.sha256 == encoder(root).sha256


def test_another_encoder_than_the_stores_is_refused_by_name(root: Path) -> None:
    given = {**of_file(root), "window_s": 1.0}
    of_store = config(root, f"data.store={root / 'store'}")
    with pytest.raises(StoreError, match=r"window_s = 0\.5, model\.encoder has 1\.0"):
        with_encoder(variant(of_store, {"model.encoder": given}))


def test_neither_a_store_nor_an_encoder_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match=r"give data\.store=….*model=birdnet model\.encoder\.file"):
        with_encoder(config(root))


def test_a_missing_file_is_named_with_its_source(root: Path) -> None:
    about = {"source": "a place"}
    given = {**of_file(root), "file": "nowhere.txt", "about": about}
    with pytest.raises(EncoderFileError, match=r"nowhere\.txt does not exist.*a place"):
        with_encoder(variant(config(root), {"model.encoder": given}))


def test_what_an_encoder_needs_is_asked_for(root: Path) -> None:
    file = next(root.glob("weights*.txt"))
    for given, missing in (("sample_rate=1000", "window_s"), ("window_s=0.5", "sample_rate")):
        more = [f"model.encoder.file={file}", f"model.encoder.{given}"]
        with pytest.raises(InstantiationException) as caught:
            with_encoder(config(root, "model/encoder=onnx", *more))
        assert f"model.encoder.{missing}=…" in str(caught.value.__cause__)
    more = ["model.encoder.sample_rate=1000", "model.encoder.window_s=0.5"]
    with pytest.raises(EncoderFileError, match=r"model\.encoder\.file=…"):
        with_encoder(config(root, "model/encoder=onnx", *more))


@pytest.mark.parametrize("more", [["scale=laptop"], ["frontend=deck"]], ids=str)
def test_settings_of_networks_on_spectrograms_are_refused(root: Path, more: list[str]) -> None:
    with pytest.raises(ValueError, match="head on the features"):
        with_encoder(config(root, f"data.store={root / 'store'}", *more))


@pytest.mark.parametrize("name", ["birdnet", "perch"])
def test_known_encoders_are_one_word_and_what_follows_wins(root: Path, name: str) -> None:
    more = ("model/head=prototype", "loss=epr", "trainer.max_epochs=7", "optimizer.lr=0.5")
    found = load_config("train", [f"model={name}", *more, f"out={root / 'run'}"])
    assert found.model._target_ == "rfcx_audio.model.FeatureDetector"
    assert found.model.head._target_ == "rfcx_audio.model.PrototypeHead"
    assert (found.trainer.max_epochs, found.optimizer.lr) == (7, 0.5)
    assert not found.augment.waveform
