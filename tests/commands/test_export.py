from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from archives import RATE, predict, write_checkpoint, write_recordings
from preloaded import beside, run_module
from rfcx_audio.batch import Labels
from rfcx_audio.commands.export import check_options, metadata_of, with_names_and_calibration
from rfcx_audio.config import load_config
from rfcx_audio.graph import ExportError, open_graph
from rfcx_audio.scores import Calibration, PlattCurve, Scores, SpeciesFit, fit_calibration
from rfcx_audio.scoring import load_recogniser, read_artefact, read_trained, save_artefact


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m rfcx_audio.export` with `folder` around it."""
    return run_module("rfcx_audio.export", f"hydra.run.dir={folder}/hydra", *words, cwd=folder)


@pytest.fixture
def extras(tmp_path: Path) -> tuple[str, str]:
    """Files with names of the species, and with a calibration."""
    scores = torch.rand(60, 24, generator=torch.Generator().manual_seed(0))
    calibration = fit_calibration(scores, Labels(scores.round(), torch.ones_like(scores)))
    (tmp_path / "calibration.json").write_text(json.dumps(calibration.to_dict()))
    others = "".join(f"bird {number},{number}\n" for number in range(1, 24))
    (tmp_path / "species.csv").write_text(f"species,species_id\nHäher,0\nJay,0\n{others}")
    return str(tmp_path / "species.csv"), str(tmp_path / "calibration.json")


@pytest.mark.slow
def test_an_artefact_predicts_as_its_checkpoint(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path)
    write_recordings(tmp_path / "audio", 2)
    done = command(tmp_path, f"checkpoint={checkpoint}", f"paths.output_dir={tmp_path}/shared")
    assert done.returncode == 0, done.stderr
    assert f"the artefact is {tmp_path}/shared" in done.stdout + done.stderr
    assert len(list((tmp_path / "shared").iterdir())) == 2
    tables = []
    for place in (checkpoint, tmp_path / "shared"):
        out = tmp_path / f"from_{place.name}"
        words = [f"checkpoint={place}", f"recordings={tmp_path}/audio", f"paths.output_dir={out}"]
        process = beside(predict, *words, f"hydra.run.dir={out}/hydra")
        process.join()
        assert process.exitcode == 0
        tables.append(Scores.read(out / "scores.parquet"))
    one, other = tables
    assert one.frame().equals(other.frame())
    assert one.metadata.pop("checkpoint") != other.metadata.pop("checkpoint")
    assert one.metadata == other.metadata


@pytest.mark.slow
def test_the_command_leaves_a_graph_that_equals_the_library(
    tmp_path: Path, extras: tuple[str, str]
) -> None:
    trained = with_names_and_calibration(read_trained(write_checkpoint(tmp_path)), *extras)
    longer = {**trained.windows, "duration_s": 1.5}
    save_artefact(trained._replace(windows=longer), tmp_path / "shared")
    write_recordings(tmp_path / "audio", 3, broken=(1,))
    done = command(
        tmp_path,
        f"checkpoint={tmp_path}/shared",
        "format=onnx",
        f"recordings={tmp_path}/audio",
        f"paths.output_dir={tmp_path}/out",
    )
    assert done.returncode == 0, done.stderr
    assert "greatest difference" in done.stdout + done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.onnx"]
    library = load_recogniser(tmp_path / "shared")
    library.calibration = None  # a graph holds the network's own probabilities
    window = torch.rand(int(1.5 * RATE)) - 0.5
    scores = open_graph(tmp_path / "out" / "model.onnx")(window[None])
    torch.testing.assert_close(scores, library(window)[0], atol=1e-4, rtol=0)


def test_what_is_asked_for_is_checked_first() -> None:
    needs = "format=torch needs recordings=…, a folder, pattern, list or file of audio"
    with pytest.raises(ExportError, match=needs):
        check_options(load_config("export", ["checkpoint=x", "format=torch"]))
    with pytest.raises(ExportError, match="format=pickle: expected artefact, onnx or torch"):
        check_options(load_config("export", ["checkpoint=x", "format=pickle"]))
    check_options(load_config("export", ["checkpoint=x"]))


def test_new_names_reach_what_is_known_of_the_species_and_the_calibration(tmp_path: Path) -> None:
    trained = read_trained(write_checkpoint(tmp_path))
    known = {name: {"band": [100.0 + n, 900.0]} for n, name in enumerate(trained.species)}
    fit = SpeciesFit(30.0, 30.0, 0.5, 0.5, PlattCurve(1.0, 0.5))
    fitted = Calibration("platt", 20, (fit,) * len(trained.species), tuple(trained.species))
    (tmp_path / "calibration.json").write_text(json.dumps(fitted.to_dict()))
    lines = [f"bird {number},{number}" for number in range(len(trained.species))]
    (tmp_path / "names.csv").write_text("\n".join(["species,species_id", *lines]))
    made = with_names_and_calibration(
        trained._replace(about=known), f"{tmp_path}/names.csv", f"{tmp_path}/calibration.json"
    )
    assert made.about["bird 3"] == {"band": [103.0, 900.0]}
    save_artefact(made, tmp_path / "shared")
    loaded = load_recogniser(tmp_path / "shared").calibration
    assert loaded is not None
    assert loaded.names[3] == "bird 3"


def test_names_and_a_calibration_go_along(tmp_path: Path, extras: tuple[str, str]) -> None:
    checkpoint = write_checkpoint(tmp_path)
    trained = with_names_and_calibration(read_trained(checkpoint), *extras)
    assert trained.species == ["Häher", *(f"bird {number}" for number in range(1, 24))]
    save_artefact(trained, tmp_path / "shared")
    kept = read_artefact(tmp_path / "shared")
    assert with_names_and_calibration(kept, None, None)._replace(weights={}) == trained._replace(
        weights={}
    )
    metadata = metadata_of(kept, load_recogniser(tmp_path / "shared"))
    assert (metadata["species"], metadata["calibration"]) == (trained.species, trained.calibration)
    assert json.loads(json.dumps(metadata)) == metadata
