from __future__ import annotations

from pathlib import Path

import pytest

from earlier import EARLIER_CONFIG, WORDS
from rfcx_audio.callbacks import Stamp
from rfcx_audio.config import config_text, load_config
from rfcx_audio.scoring import CONFIG_KEY, SEEN_KEY, CheckpointError


def text(folder: Path, *words: str) -> str:
    return config_text(load_config("train", [f"paths.output_dir={folder}", *words]))


def test_a_checkpoint_carries_the_configuration(tmp_path: Path) -> None:
    checkpoint: dict[str, object] = {}
    Stamp(text(tmp_path), str(tmp_path)).on_save_checkpoint(None, None, checkpoint)
    assert checkpoint[CONFIG_KEY] == text(tmp_path)


@pytest.mark.parametrize(
    "word", ["frontend.n_mels=64", "data.sample_rate=32000", "data.crop_duration_s=5.0"]
)
def test_resuming_with_another_front_end_is_refused(tmp_path: Path, word: str) -> None:
    checkpoint = {CONFIG_KEY: text(tmp_path)}
    same = Stamp(text(tmp_path, "trainer.max_epochs=99", "model.encoder.lr_ratio=0.5"), "")
    same.on_load_checkpoint(None, None, checkpoint)
    with pytest.raises(CheckpointError, match="without resume"):
        Stamp(text(tmp_path, word), str(tmp_path)).on_load_checkpoint(None, None, checkpoint)


def test_a_checkpoint_of_an_earlier_version_can_be_resumed(tmp_path: Path) -> None:
    checkpoint = {CONFIG_KEY: EARLIER_CONFIG}  # the run's own data module reads the data
    Stamp(text(tmp_path, *WORDS), str(tmp_path)).on_load_checkpoint(None, None, checkpoint)
    with pytest.raises(CheckpointError, match="without resume"):
        Stamp(text(tmp_path), str(tmp_path)).on_load_checkpoint(None, None, checkpoint)


def test_a_checkpoint_carries_what_its_first_weights_saw(tmp_path: Path) -> None:
    checkpoint: dict[str, object] = {}
    Stamp(text(tmp_path), str(tmp_path), ["b", "a"]).on_save_checkpoint(None, None, checkpoint)
    assert checkpoint[SEEN_KEY] == ["a", "b"]
    Stamp(text(tmp_path), str(tmp_path)).on_save_checkpoint(None, None, clean := {})
    assert SEEN_KEY not in clean


def test_a_resumed_run_goes_on_knowing_what_its_first_weights_saw(tmp_path: Path) -> None:
    kept = {CONFIG_KEY: text(tmp_path), SEEN_KEY: ["a", "b"]}
    resumed = Stamp(text(tmp_path), str(tmp_path))
    resumed.on_load_checkpoint(None, None, kept)
    resumed.on_save_checkpoint(None, None, later := {})
    assert later[SEEN_KEY] == ["a", "b"]
