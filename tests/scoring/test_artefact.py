from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rfcx_audio.batch import Labels
from rfcx_audio.scores import fit_calibration
from rfcx_audio.scoring.artefact import (
    Artefact,
    ArtefactError,
    content_hash,
    read_artefact,
    save_artefact,
)


def calibration(num_species: int) -> dict[str, Any]:
    scores = torch.rand(30, num_species, generator=torch.Generator().manual_seed(0))
    return fit_calibration(scores, Labels(scores.round(), torch.ones_like(scores))).to_dict()


def artefact(**changes: Any) -> Artefact:
    shared = torch.arange(6.0)
    weights = {
        "transposed": shared.view(2, 3).T,
        "shared": shared,
        "steps": torch.tensor(7),
        "half": torch.ones(2).half(),
    }
    parts = {name: {"_target_": name, "x": 0.1} for name in ("reader", "frontend", "model")}
    made = Artefact(
        species=["Häher", "s1"],
        **parts,  # type: ignore[arg-type]
        windows={"duration_s": 6.0, "pool": None},
        calibration=None,
        checkpoint_sha256="ab",
        about={"Häher": {"band": [300.0, 900.0]}},
        teachers_saw=["dawn"],
        weights=weights,
    )
    return made._replace(**changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_artefact(artefact(calibration=calibration(2)), tmp_path / "model")
    return tmp_path / "model"


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    read, written = read_artefact(folder), artefact(calibration=calibration(2))
    assert read._replace(weights={}) == written._replace(weights={})
    assert set(read.weights) == set(written.weights)
    for name, value in written.weights.items():
        assert read.weights[name].dtype == value.dtype
        assert torch.equal(read.weights[name], value)


def test_it_is_two_files_of_formats_that_others_read(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"model.json", "weights.safetensors"}
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert description["species"] == ["Häher", "s1"]
    assert {"torch", "timm", "rfcx-audio"} <= set(description["versions"])
    weights = (folder / "weights.safetensors").read_bytes()
    assert description["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    seal = description.pop("sha256")
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    assert seal == hashlib.sha256(text.encode()).hexdigest()
    assert set(load_file(folder / "weights.safetensors")) == set(artefact().weights)


def test_layout_does_not_count_but_content_does(folder: Path) -> None:
    path = folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(dict(reversed(description.items()))), encoding="utf-8")
    read_artefact(folder)
    description["windows"]["duration_s"] = 5.0
    path.write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"model\.json was changed since it was written"):
        read_artefact(folder)


def test_a_single_changed_bit_of_the_weights_is_noticed(folder: Path) -> None:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"weights\.safetensors was changed"):
        read_artefact(folder)


def resealed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """An artefact written elsewhere, with hashes that fit."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    change(description)
    description["sha256"] = content_hash(description)
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")


def test_one_of_the_first_format_is_read(folder: Path) -> None:
    resealed(
        folder,
        lambda description: (
            [description.pop(one) for one in ("about", "teachers_saw")]
            and description.update(version=1)
        ),
    )
    read = read_artefact(folder)
    assert (read.about, read.teachers_saw) == ({}, [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda description: description.update(format="other"),
            "does not call itself 'rfcx_audio artefact'",
        ),
        (
            lambda description: description.update(version=3),
            "format version 3, this library reads 2",
        ),
        (lambda description: description.update(heads=[]), r"has \['heads'\] beyond those"),
        (lambda description: description.pop("windows"), r"lacks \['windows'\]"),
        (lambda description: description.update(model=[]), "model is a list, expected dict"),
        (lambda description: description.update(species=["a", 1]), "expected names only"),
        (
            lambda description: description["calibration"].update(method="magic"),
            "not a calibration as",
        ),
        (
            lambda description: description.update(calibration=calibration(3)),
            "of 3 species, the model of 2",
        ),
    ],
)
def test_what_is_not_understood_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    resealed(folder, change)
    with pytest.raises(ArtefactError, match=message):
        read_artefact(folder)


@pytest.mark.parametrize(
    "text", ["", "nonsense", '{"format": NaN}', "[" * 100_000, "[]", '"text"', "\udc00"]
)
def test_broken_descriptions_are_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArtefactError, match=r"no readable JSON|does not call itself"):
        read_artefact(folder)


def test_weights_in_another_format_are_refused(folder: Path) -> None:
    content = b"\x80\x02 a pickle"
    (folder / "weights.safetensors").write_bytes(content)
    resealed(
        folder,
        lambda description: description.update(weights_sha256=hashlib.sha256(content).hexdigest()),
    )
    with pytest.raises(ArtefactError, match="no file of safetensors"):
        read_artefact(folder)


def test_a_folder_without_its_files_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(ArtefactError, match=r"lacks weights\.safetensors; copy the whole folder"):
        read_artefact(folder)
    with pytest.raises(ArtefactError, match=r"model\.json does not exist; an artefact is"):
        read_artefact(tmp_path)


def test_a_calibration_of_other_species_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="of 3 species, the model of 2"):
        save_artefact(artefact(calibration=calibration(3)), tmp_path)
