from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.commands.detect import run as detect
from rfcx_audio.commands.export import run as export
from rfcx_audio.commands.predict import run as predict
from rfcx_audio.config import load_config
from rfcx_audio.data import FeatureStore
from rfcx_audio.encoders import EncoderFileError, EncoderFrontend, OnnxEncoder
from rfcx_audio.experiment import train_run
from rfcx_audio.graph import ExportError
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import PartError, load_recogniser
from stores import encoder, frontend, recordings, words, write_data, write_store
from tiny_encoders import RATE, SAMPLES, tiny, write_onnx

pytest.importorskip("onnxruntime", reason="the extra export is not installed")
pytest.importorskip("onnx", reason="the extra export is not installed")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, their store by an ONNX encoder, and a head that was trained on it."""
    root = write_data(tmp_path_factory.mktemp("data"), 6)
    file = write_onnx(root / "tiny.onnx", tiny())
    plain = OnnxEncoder(str(file), RATE, SAMPLES / RATE)
    made = OnnxEncoder(**{**plain.settings, "sha256": plain.sha256, "num_features": 6})
    write_store(root, recordings(root), EncoderFrontend(made, 0.125))
    train_run(load_config("train", [*words(root), f"out={root / 'run'}"]))
    return root


def checkpoint(root: Path) -> Path:
    return root / "run" / "checkpoints" / "best.ckpt"


def predicted(root: Path, out: Path, *more: str) -> Path:
    words = [f"checkpoint={checkpoint(root)}", f"out={out}", *more]
    predict(load_config("predict", words))
    return out


def test_a_store_and_its_recordings_get_the_same_tables(root: Path, tmp_path: Path) -> None:
    one = predicted(root, tmp_path / "one", f"store={root / 'store'}")
    two = predicted(root, tmp_path / "two", f"recordings={root / 'audio'}")
    stored, direct = (Scores.read(folder / "scores.parquet") for folder in (one, two))
    assert stored.keys.equals(direct.keys)
    np.testing.assert_allclose(stored.values, direct.values, atol=1e-5)
    assert {path.name for path in one.iterdir()} == {
        *("scores.parquet", "submission.csv", "failures.csv", "recordings.csv")
    }
    tables = [pd.read_csv(folder / "submission.csv") for folder in (one, two)]
    pd.testing.assert_frame_equal(*tables, check_exact=False, atol=1e-5)
    for key in ("checkpoint", "checkpoint_sha256", "frontend", "pool"):
        assert stored.metadata[key] == direct.metadata[key]


def test_one_of_recordings_and_store_is_asked_for(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"either recordings=….* or store=…"):
        predicted(root, tmp_path)
    with pytest.raises(ValueError, match="pictures=true needs the sound"):
        predicted(root, tmp_path, f"store={root / 'store'}", "pictures=true")


def test_a_head_finds_its_encoder_elsewhere_or_names_it_as_missing(
    root: Path, tmp_path: Path
) -> None:
    alone, moved = tmp_path / "head.ckpt", tmp_path / "moved.onnx"
    content = checkpoint(root).read_bytes()
    alone.write_bytes(content)
    (root / "tiny.onnx").rename(moved)
    try:
        load_recogniser(alone).score_store(FeatureStore.open(root / "store"))
        recording = f"recordings={root / 'audio'}"
        with pytest.raises(EncoderFileError, match=r"tiny\.onnx does not exist.*encoder_file=…"):
            predicted(root, tmp_path / "none", recording)
        with pytest.raises(EncoderFileError, match=r"tiny\.onnx does not exist.*encoder_file=…"):
            detect(load_config("detect", [f"checkpoint={checkpoint(root)}", recording]))
        predicted(root, tmp_path / "there", recording, f"encoder_file={moved}")
        again = shutil.copy(moved, tmp_path / "again.onnx")
        predicted(root, tmp_path / "there", recording, f"encoder_file={again}")  # goes on
        other = write_onnx(tmp_path / "other.onnx", tiny(seed=4))
        with pytest.raises(EncoderFileError, match="SHA-256"):
            predicted(root, tmp_path / "other", recording, f"encoder_file={other}")
    finally:
        moved.rename(root / "tiny.onnx")


def test_an_artefact_names_the_encoder_and_holds_the_head_alone(root: Path, tmp_path: Path) -> None:
    made = tmp_path / "artefact"
    export(load_config("export", [f"checkpoint={checkpoint(root)}", f"out={made}"]))
    assert {path.name for path in made.iterdir()} == {"model.json", "weights.safetensors"}
    assert str(root) not in (made / "model.json").read_text(encoding="utf-8")
    store = FeatureStore.open(root / "store")
    one, two = load_recogniser(made), load_recogniser(checkpoint(root))
    assert (one.score_store(store).values == two.score_store(store).values).all()
    there = load_recogniser(made, encoder=root / "tiny.onnx")
    path = next(iter(recordings(root).values()))
    np.testing.assert_allclose(there.score(path).values, two.score(path).values)


def test_a_head_on_features_has_no_graph(root: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={checkpoint(root)}", f"out={tmp_path}", "format=onnx"]
    with pytest.raises(ExportError, match="no graph from sound to scores"):
        export(load_config("export", [*words, f"recordings={root / 'audio'}"]))


def test_encoders_of_ones_own_code_are_given_to_load(tmp_path: Path) -> None:
    root = write_data(tmp_path / "data", 4)
    write_store(root, recordings(root), frontend(root))
    train_run(load_config("train", [*words(root), f"out={root / 'run'}"]))
    with pytest.raises(PartError, match="not one of the parts that a file may name"):
        load_recogniser(checkpoint(root))
    model = load_recogniser(checkpoint(root), encoder=encoder(root))
    scores = model.score_store(FeatureStore.open(root / "store"))
    np.testing.assert_allclose(scores.values, model.score(recordings(root)).values, atol=1e-5)
    with pytest.raises(EncoderFileError, match="the given one has"):
        load_recogniser(checkpoint(root), encoder=encoder(root, width=6))
