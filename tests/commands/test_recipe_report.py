from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pond import write_pond
from rfcx_audio.commands import recipe_report
from rfcx_audio.commands.recipe_inputs import Material, Unlabelled, source_of
from rfcx_audio.commands.recipe_report import next_commands, student_command
from rfcx_audio.config import load_config


@pytest.fixture
def material(tmp_path: Path) -> Material:
    root = write_pond(tmp_path, labelled=3, new=1)
    config = load_config("recipe", ["data=table", f"data.root={root / 'labelled'}"])
    for fold in range(2):
        path = tmp_path / "my run" / "folds" / f"fold_{fold}" / "checkpoints" / "best.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
    return Material(config, source_of(config), Unlabelled(), tmp_path / "my run")


def test_the_next_commands_are_of_the_same_files_and_survive_a_shell(material: Material) -> None:
    joined, detected = (shlex.split(line.replace("…", "x")) for line in next_commands(material))
    assert joined[:2] == ["rfcx-audio", "ensemble"]
    models = ",".join(map(str, material.checkpoints))
    assert load_config("ensemble", joined[2:]).scores == models.split(",")
    assert load_config("detect", detected[2:]).thresholds == str(material.thresholds)


def test_the_models_of_a_recipe_teach_a_small_network(material: Material) -> None:
    words = shlex.split(student_command(material).replace("data=…", "data=table"))[2:]
    config = load_config("relabel", words)
    assert list(config.teachers) == list(map(str, material.checkpoints))
    assert config.data.root == str(material.source.root)
    assert config.model.encoder.name == "resnet10t"
    assert config.data.crops.crops_per_epoch == 4 * material.config.data.crops.crops_per_epoch
    page = "".join(recipe_report._next(material).parts)
    assert "rfcx-audio relabel" in page
    heads = load_config("recipe", ["data=table", "data.root=x", "model=birdnet"])
    assert "relabel" not in "".join(recipe_report._next(replace(material, config=heads)).parts)


def test_scored_recordings_are_detected_in_first(material: Material) -> None:
    paths = {"new": Path("a b/new.wav")}
    scored = replace(material, unlabelled=Unlabelled("a b", paths))
    first, *rest = next_commands(scored)
    assert len(rest) == 2
    config = load_config("detect", shlex.split(first)[2:])
    assert (config.scores, config.recordings) == (str(scored.scores["calibrated"]), "a b")
    # Of those that are scored only: the others have no scores.
    mixed = replace(material, unlabelled=Unlabelled("a b", paths, {"old": Path("a b/old.wav")}))
    config = load_config("detect", shlex.split(next_commands(mixed)[0])[2:])
    assert config.recordings == str(material.folder / "scores" / "unlabelled.csv")


def test_a_species_without_a_threshold_is_named(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe_report, "picture", lambda path, caption: "")
    material.thresholds.parent.mkdir()
    table = {"species": ["Reed frog", "NA"], "threshold": [0.4, None], "precision": [0.9, 0.2]}
    pd.DataFrame(table).to_csv(material.thresholds, index=False)
    parts = "".join(recipe_report._thresholds(material).parts)
    assert "No threshold reaches the precision for: NA. None is detected." in parts
    pd.DataFrame(table).iloc[:1].to_csv(material.thresholds, index=False)
    assert "No threshold" not in "".join(recipe_report._thresholds(material).parts)


def test_species_whose_prevalence_is_uncertain_are_named(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe_report, "picture", lambda path, caption: "")
    scored = replace(material, unlabelled=Unlabelled("new", {"new": Path("new.wav")}))
    for step in ("prevalence", "scores"):
        (material.folder / step).mkdir()
    (material.folder / "scores" / "failures.csv").write_text("recording_id,path,reason\n")
    found = {"species": ["Reed frog", "7"], "estimate": [0.3, 0.1], "high": [0.4, 0.8]}
    table = pd.DataFrame({**found, "low": [0.2, 0.01]})
    table.to_csv(material.folder / "prevalence" / "prevalence.csv", index=False)
    parts = "".join(recipe_report._unlabelled(scored).parts)
    assert "tell little about how frequent these species are: 7. For them" in parts
    table.iloc[:1].to_csv(material.folder / "prevalence" / "prevalence.csv", index=False)
    assert "tell little" not in "".join(recipe_report._unlabelled(scored).parts)
