from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rfcx_audio.config import build, config_text, load_config
from rfcx_audio.encoders import EncoderFileError, EncoderFrontend, file_sha256
from rfcx_audio.scoring import (
    CONFIG_KEY,
    CheckpointEncoder,
    load_recogniser,
    read_trained,
    save_artefact,
)

RATE = 16_000


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a small training run would have left."""
    folder = tmp_path_factory.mktemp("run")
    words = ["model=tiny", f"data.sample_rate={RATE}", "data.crop_duration_s=1.5", "data.f_max=7000"]
    config = load_config("train", [f"paths.output_dir={folder}", *words])
    torch.manual_seed(0)
    weights = {f"model.{key}": value for key, value in build(config.model).state_dict().items()}
    path = folder / "best.ckpt"
    torch.save({"state_dict": weights, CONFIG_KEY: config_text(config)}, path)
    return path


def windows(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(count, round(1.5 * RATE), generator=generator)


@torch.no_grad()
def mapped(checkpoint: Path, waveform: Tensor) -> Tensor:
    """The encoder's map of the detector, by hand."""
    recogniser = load_recogniser(checkpoint)
    detector = recogniser.detector
    return detector.encoder(detector.norm(recogniser.frontend(waveform)))


def test_the_features_are_the_mean_of_the_encoders_map(checkpoint: Path) -> None:
    encoder = CheckpointEncoder(str(checkpoint))
    assert (encoder.sample_rate, encoder.window_s) == (RATE, 1.5)
    expected = mapped(checkpoint, windows(3))
    assert expected.ndim == 4
    assert encoder.num_features == expected.shape[1]
    torch.testing.assert_close(encoder(windows(3)), expected.mean((2, 3)))
    assert encoder.species == load_recogniser(checkpoint).species


def test_a_batch_is_a_loop_also_in_threads(checkpoint: Path) -> None:
    encoder = CheckpointEncoder(str(checkpoint))
    waveform = windows(8)
    together = encoder(waveform)
    with ThreadPoolExecutor(4) as pool:
        alone = torch.cat(list(pool.map(encoder, waveform.split(1))))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_another_layer_has_other_features(checkpoint: Path) -> None:
    encoder = CheckpointEncoder(str(checkpoint), layer="encoder.backbone.layer2")
    recogniser = load_recogniser(checkpoint)
    seen = []
    layer = recogniser.detector.get_submodule("encoder.backbone.layer2")
    layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        recogniser.detector(recogniser.frontend(windows(2)))
    torch.testing.assert_close(encoder(windows(2)), seen[0].mean((2, 3)))


def test_layers_that_are_not_there_or_give_no_features_are_refused(checkpoint: Path) -> None:
    with pytest.raises(EncoderFileError, match=r"no layer 'encodr'; name one .*: norm, .*encoder"):
        CheckpointEncoder(str(checkpoint), layer="encodr")(windows(1))
    with pytest.raises(EncoderFileError, match=r"layer 'head' .* 2 windows into Logits; expected"):
        CheckpointEncoder(str(checkpoint), layer="head")(
            torch.zeros(2, CheckpointEncoder(str(checkpoint)).window_samples)
        )


def test_the_description_serves_where_the_checkpoint_is_not(checkpoint: Path) -> None:
    described = CheckpointEncoder(str(checkpoint)).described()
    assert described.pop("_target_") == "rfcx_audio.scoring.CheckpointEncoder"
    assert described["sha256"] == file_sha256(checkpoint)
    moved = CheckpointEncoder(**described | {"checkpoint": "nowhere.ckpt"})
    frontend = EncoderFrontend(moved, hop_s=0.75)
    assert frontend.n_mels == described["num_features"]
    assert frontend.num_frames(RATE * 3) == 3
    other = CheckpointEncoder(**described | {"sha256": "0" * 64})
    with pytest.raises(
        EncoderFileError, match=rf"SHA-256 0+; .*best\.ckpt has {described['sha256']}"
    ):
        other(windows(1))


def test_an_artefact_gives_the_same_features(checkpoint: Path, tmp_path: Path) -> None:
    save_artefact(read_trained(checkpoint), tmp_path / "artefact")
    encoder = CheckpointEncoder(str(tmp_path / "artefact"))
    expected = CheckpointEncoder(str(checkpoint))(windows(2))
    torch.testing.assert_close(encoder(windows(2)), expected)
    assert encoder.sha256 == file_sha256(tmp_path / "artefact" / "model.json")


def test_it_brings_no_weights_into_a_model_and_can_be_copied(checkpoint: Path) -> None:
    encoder = CheckpointEncoder(str(checkpoint))
    expected = encoder(windows(2))
    assert not encoder.state_dict()
    for made in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):  # noqa: S301
        torch.testing.assert_close(made(windows(2)), expected)
