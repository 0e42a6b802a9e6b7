from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from rfcx_audio.config import build, config_text, load_config
from rfcx_audio.inference import CONFIG_KEY, CheckpointError, load_recogniser, read_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """What a training run would have left."""
    config = load_config("train", [f"paths.output_dir={tmp_path}", "frontend.n_mels=64"])
    torch.manual_seed(0)
    weights = {f"model.{key}": value for key, value in build(config.model).state_dict().items()}
    path = tmp_path / "best.ckpt"
    torch.save({"state_dict": weights, CONFIG_KEY: config_text(config)}, path)
    return path


def test_the_front_end_comes_with_the_checkpoint(checkpoint: Path) -> None:
    recogniser = load_recogniser(checkpoint, overlap=0.0)
    assert recogniser.frontend.n_mels == 64
    assert recogniser.windows.overlap == 0.0
    assert recogniser.windows.pool == "max"
    assert not recogniser.training
    scores, starts_s = recogniser(torch.randn(14 * 48_000))
    assert scores.shape == (3, 24)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert starts_s[0] == 0


def test_the_weights_are_those_of_the_checkpoint(checkpoint: Path) -> None:
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    for name, value in load_recogniser(checkpoint).detector.state_dict().items():
        assert torch.equal(value, saved[f"model.{name}"])


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        read_checkpoint(tmp_path / "gone.ckpt")
    (tmp_path / "text.ckpt").write_text("nonsense")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        read_checkpoint(tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="no configuration of rfcx_audio"):
        read_checkpoint(tmp_path / "foreign.ckpt")


def test_half_a_checkpoint_is_refused(checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        read_checkpoint(checkpoint)


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("payload-ran"),))  # type: ignore[return-value]


def test_a_pickle_payload_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "x": Payload()}, "evil.ckpt")
    Path("raw.ckpt").write_bytes(pickle.dumps(Payload(), protocol=2))
    for name in ("evil.ckpt", "raw.ckpt"):
        with pytest.raises(CheckpointError):
            read_checkpoint(name)
    assert not Path("payload-ran").exists()


def test_weights_of_another_model_are_refused(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, checkpoint)
    with pytest.raises(CheckpointError, match="does not fit its own configuration"):
        load_recogniser(checkpoint)
