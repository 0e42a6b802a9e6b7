"""The configuration: every option composes, builds, and has the keys of its constructor."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from rfcx_audio.config import (
    CONF_DIR,
    ConfigError,
    build,
    config_text,
    load_config,
    parse_config,
    variant,
)
from rfcx_audio.method import check_shapes

EXPERIMENTS = sorted((CONF_DIR / "experiment").glob("*.yaml"))
ROOTS = sorted(path.stem for path in CONF_DIR.glob("*.yaml"))
OPTIONS = sorted(
    path.relative_to(CONF_DIR).with_suffix("")
    for path in CONF_DIR.rglob("*.yaml")
    if path.parent.name
    not in (CONF_DIR.name, "run", "paths", "experiment", "scale", "hparams_search")
)
ROOT_OF = {"labelling": "relabel", "engine": "predict", "model/encoder": "embed", "queue": "review"}
"""The root of a group, if it is not `train`."""
LEFT_TO_THE_CALLER = {"rfcx_audio.method.build_trainer", "rfcx_audio.data.synthetic.Rainforest"}


def composed(option: Path, output_dir: Path) -> DictConfig:
    group = option.parent.as_posix()
    words = [f"paths.output_dir={output_dir}", f"{group}={option.name}"]
    return load_config(ROOT_OF.get(group, "train"), words)


def nodes(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        if "_target_" in config:
            yield config
        for value in config.values():
            yield from nodes(value)


def target(node: dict[str, Any]) -> Any:
    module, _, name = node["_target_"].rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("root", ROOTS)
def test_every_root_composes(root: str) -> None:
    load_config(root)


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_keys_are_constructor_arguments(option: Path, tmp_path: Path) -> None:
    config = OmegaConf.to_container(composed(option, tmp_path), resolve=True)
    assert isinstance(config, dict)
    for part in option.parent.parts:
        config = config[part]
    for node in nodes(config):
        constructor = target(node)
        arguments = inspect.signature(constructor).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in arguments.values())
        given = {key for key in node if not key.startswith("_")}
        assert takes_any or given <= set(arguments), node["_target_"]
        ours = node["_target_"].startswith("rfcx_audio.")
        if ours and node["_target_"] not in LEFT_TO_THE_CALLER and not node.get("_partial_"):
            tunable = {name for name, p in arguments.items() if p.kind is not p.VAR_KEYWORD}
            assert given == tunable, f"{node['_target_']}: {given ^ tunable}"


@pytest.mark.parametrize(
    ("group", "name"),
    [("augment", "none"), ("inference", "default"), ("loss", "masked_bce")],
)
def test_the_first_option_of_a_group_has_the_default_values(
    group: str, name: str, tmp_path: Path
) -> None:
    config = OmegaConf.to_container(composed(Path(group) / name, tmp_path), resolve=True)
    assert isinstance(config, dict)
    for node in nodes(config[group]):
        for argument, parameter in inspect.signature(target(node)).parameters.items():
            if parameter.default is not parameter.empty and argument in node:
                assert node[argument] in (parameter.default, {}), argument


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_is_short_and_fits_together(path: Path, tmp_path: Path) -> None:
    words = [f"paths.output_dir={tmp_path}", f"experiment={path.stem}"]
    root = "relabel" if path.stem.startswith("pseudo_labels") else "train"
    config = load_config(root, [*words, "model.encoder.pretrained=false"])
    num_samples = round(config.data.crop_duration_s * config.data.sample_rate)
    model = build(config.method).model
    check_shapes(build(config.frontend), model, num_samples, config.data.num_species)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) <= 15


def test_training_has_at_most_six_scalars() -> None:
    root = OmegaConf.load(CONF_DIR / "train.yaml")
    assert isinstance(root, DictConfig)
    scalars = [key for key, value in root.items() if not OmegaConf.is_config(value)]
    assert len(scalars) <= 6


def test_text_and_configuration_are_inverse(tmp_path: Path) -> None:
    config = load_config("train", [f"paths.output_dir={tmp_path}"])
    text = config_text(config)
    assert config_text(parse_config(text)) == text
    assert "${" not in text
    assert parse_config(text, {"model.encoder.pretrained": False}).model.encoder.pretrained is False


def test_a_variant_changes_a_copy_and_all_that_points_there(tmp_path: Path) -> None:
    config = load_config("train", [f"paths.output_dir={tmp_path}"])
    changed = variant(config, {"paths.output_dir": "elsewhere", "loss.unknown_weight": 0.25})
    assert changed.callbacks.report.folder == "elsewhere"
    assert changed.method.loss.unknown_weight == 0.25
    assert config.callbacks.report.folder == str(tmp_path)


def test_build_gives_plain_containers() -> None:
    node = OmegaConf.create({"_target_": "builtins.dict", "a": [1, {"b": 2}]})
    built = build(node, c=3)
    assert built == {"a": [1, {"b": 2}], "c": 3}
    assert type(built["a"]) is list
    assert type(built["a"][1]) is dict


def test_laptop_size_validates_at_its_end_however_long_it_is() -> None:
    trainer = load_config("train", ["scale=laptop", "trainer.max_epochs=2"]).trainer
    assert trainer.check_val_every_n_epoch == 2


def test_building_a_part_leaves_interpolations_that_a_variant_follows(tmp_path: Path) -> None:
    config = load_config("relabel", [f"out={tmp_path}"])
    before = OmegaConf.to_container(config, resolve=False)
    build(config.data.module)
    assert OmegaConf.to_container(config, resolve=False) == before
    changed = variant(config, {"data.pseudo_rows": "rows.csv"})
    assert build(changed.data.module).source.pseudo_rows == "rows.csv"


def test_a_command_composes_the_configuration_of_another(tmp_path: Path) -> None:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):  # as in a command
        running = GlobalHydra.instance().hydra
        assert load_config("evaluate", ["scores=a", "labels=b"]).scores == "a"
        with pytest.raises(ConfigError, match="scors"):
            load_config("evaluate", ["scors=a"])
        assert GlobalHydra.instance().hydra is running
    assert not GlobalHydra.instance().is_initialized()
