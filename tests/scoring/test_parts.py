from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from torch import nn

from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.model import Encoder
from rfcx_audio.scoring.load import without_pretrained
from rfcx_audio.scoring.parts import PartError, allowed_part, build_part

FRONTEND = {"_target_": "rfcx_audio.frontend.LogMel", "sample_rate": 48_000}
TINY = {"_target_": "rfcx_audio.model.Encoder", "name": "resnet10t", "pretrained": False}


def targets(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["_target_"]] if "_target_" in node else []
        return own + [path for value in node.values() for path in targets(value)]
    return [path for value in node for path in targets(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("group", ["model", "frontend", "inference"])
def test_files_may_name_every_part_that_the_configuration_offers(group: str) -> None:
    for path in (CONF_DIR / group).rglob("*.yaml"):
        for name in targets(yaml.safe_load(path.read_text())):
            if path != CONF_DIR / "model" / "encoder" / "torch.yaml":
                assert callable(allowed_part(name))


def test_a_file_may_not_import_a_module_and_the_refusal_names_the_way_round() -> None:
    node = {"_target_": "rfcx_audio.encoders.TorchEncoder", "module": "os.system"}
    message = r"runs its code.*rfcx_audio\.load\(checkpoint, encoder=my_encoder\)"
    with pytest.raises(PartError, match=message):
        build_part(node, nn.Module)


def test_a_file_may_name_an_encoder_whose_own_file_is_missing() -> None:
    encoder = {
        "_target_": "rfcx_audio.encoders.TFLiteEncoder",
        "file": "nowhere/birds.tflite",
        "sample_rate": 8_000,
        "window_s": 2.0,
        "num_features": 5,
    }
    node = {"_target_": "rfcx_audio.encoders.EncoderFrontend", "encoder": encoder, "hop_s": 1.0}
    frontend = build_part(node, EncoderFrontend)
    assert (frontend.n_mels, frontend.n_fft) == (5, 16_000)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["model/head=skip_attention", "frontend=three_channels", "model.encoder.in_chans=3"],
        ["method=co_teaching"],
        ["model=class_bands_crop", "model.encoder.name=resnet10t"],
    ],
)
def test_parts_are_those_that_hydra_builds(words: list[str], tmp_path: Path) -> None:
    config = load_config("train", [f"paths.output_dir={tmp_path}", *words])
    for node, kind in ((config.method.model, nn.Module), (config.frontend, LogMel)):
        plain = without_pretrained(OmegaConf.to_container(node, resolve=True))
        torch.manual_seed(0)
        ours = build_part(plain, kind)
        torch.manual_seed(0)
        theirs = build(plain)
        assert repr(ours) == repr(theirs)
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value)


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "builtins.eval",
        "subprocess.run",
        "torch.load",
        "torch.hub.load",
        "rfcx_audio.config.build",
        "rfcx_audio.data.RfcxFolder",
        "rfcx_audio.model.weights.load_backbone",
        "rfcx_audio.model.encoder.Encoder",
        "rfcx_audio.model.timm",
        "rfcx_audio.model.__loader__",
        "",
        7,
    ],
)
def test_nothing_else_may_be_named(path: object) -> None:
    for node in ({"_target_": path}, {"_target_": path, "_partial_": True}):
        with pytest.raises(PartError, match="is not one of the parts that a file may name"):
            build_part({**FRONTEND, "eps": node}, LogMel)


@pytest.mark.parametrize(
    "arguments",
    [
        {"pretrained": True},
        {"pretrained": "auto"},
        {"pretrained": "weights.bin"},
        {"options": {"checkpoint_path": "weights.bin"}},
        {"options": {"pretrained": True}},
        {"options": {"pretrained_cfg": {"file": "weights.bin"}}},
        {"options": {"cache_dir": "there"}},
    ],
)
def test_weights_come_from_nowhere_else(arguments: dict[str, Any]) -> None:
    with pytest.raises(PartError, match="would read weights from another place"):
        build_part({**TINY, **arguments}, Encoder)


@pytest.mark.parametrize("name", ["hf-hub:someone/model", "local-dir:somewhere", "nonsense"])
def test_models_come_from_timm_itself(name: str) -> None:
    with pytest.raises(ValueError, match="has no model"):
        build_part({**TINY, "name": name}, Encoder)


def test_what_is_not_understood_is_named() -> None:
    with pytest.raises(PartError, match=r"LogMel does not take these arguments: .*loudness"):
        build_part({**FRONTEND, "loudness": 3}, LogMel)
    with pytest.raises(PartError, match="'_args_' means nothing here"):
        build_part({**FRONTEND, "_args_": [1]}, LogMel)
    with pytest.raises(PartError, match=r"a LogMel is expected here, .* describes a Identity"):
        build_part({"_target_": "torch.nn.Identity"}, LogMel)
    with pytest.raises(PartError, match="a LogMel is expected here, 7 describes a int"):
        build_part(7, LogMel)
    with pytest.raises(ValueError, match="f_max"):
        build_part({**FRONTEND, "f_max": 1e6}, LogMel)
