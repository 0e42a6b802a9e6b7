"""The artefact to share: a folder of weights and JSON, which runs no code on loading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, contiguous_format

from rfcx_audio.scores import Calibration
from rfcx_audio.versions import versions

FORMAT, FORMAT_VERSION = "rfcx_audio artefact", 2
WEIGHTS_FILE, DESCRIPTION_FILE = "weights.safetensors", "model.json"
_LIBRARIES = ("rfcx-audio", "torch", "torchaudio", "timm", "numpy")
_SEAL = "sha256"


class ArtefactError(ValueError):
    """An artefact that cannot be used, and why."""


class Artefact(NamedTuple):
    """Everything that a trained recogniser is made of.

    How it was trained stays behind: that part of a configuration names folders of the machine.

    Attributes:
        species: names, in the order of the outputs.
        reader: how audio is read; like the next three a description for `build_part`.
        frontend: from waveforms to spectrograms.
        model: from spectrograms to logits.
        windows: how recordings are cut, and scores pooled.
        calibration: of the scores, as `Calibration.to_dict` has it; None where there is none.
        checkpoint_sha256: of the checkpoint that the weights come from.
        about: what is known of the species by name: `band` (Hz, of the rows that were trained on),
            `scientific_name`, `common_name`.
        teachers_saw: recordings whose labels the teachers of its pseudo-labels saw.
        weights: of the model, by name.
    """

    species: Sequence[str]
    reader: Mapping[str, Any]
    frontend: Mapping[str, Any]
    model: Mapping[str, Any]
    windows: Mapping[str, Any]
    calibration: Mapping[str, Any] | None
    checkpoint_sha256: str
    about: Mapping[str, Any]
    teachers_saw: Sequence[str]
    weights: Mapping[str, Tensor]


_KINDS: dict[str, tuple[type, ...]] = {
    "species": (list,),
    "reader": (dict,),
    "frontend": (dict,),
    "model": (dict,),
    "windows": (dict,),
    "calibration": (dict, type(None)),
    "checkpoint_sha256": (str,),
    "about": (dict,),
    "teachers_saw": (list,),
    "weights_sha256": (str,),
    "versions": (dict,),
}


def content_hash(description: Mapping[str, Any]) -> str:
    """SHA-256 of a description's content, whatever its layout; its own `sha256` does not count."""
    content = {key: value for key, value in description.items() if key != _SEAL}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_artefact(artefact: Artefact, folder: str | Path) -> None:
    """Writes `weights.safetensors` and `model.json` into a folder.

    Args:
        artefact: as `read_trained` returns it.
        folder: made if need be; an artefact in it is replaced.

    Raises:
        ArtefactError: the calibration is none of these species.
        ValueError: the descriptions hold what JSON cannot.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Copies: safetensors refuses tensors that share memory.
    weights = {
        name: value.detach().cpu().clone(memory_format=contiguous_format)
        for name, value in artefact.weights.items()
    }
    save_file(weights, folder / WEIGHTS_FILE)
    description = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        **{name: value for name, value in artefact._asdict().items() if name != "weights"},
        "weights_sha256": file_hash(folder / WEIGHTS_FILE),
        "versions": versions(_LIBRARIES),
    }
    _check_content(description, folder / DESCRIPTION_FILE)
    description[_SEAL] = content_hash(description)
    text = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def read_artefact(folder: str | Path) -> Artefact:
    """The inverse of `save_artefact`. Nothing in the folder is executed.

    Raises:
        ArtefactError: a file is missing, broken, changed since it was written, or holds what this
            version of the library does not understand.
    """
    folder = Path(folder)
    description = _description(folder / DESCRIPTION_FILE)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ArtefactError(f"{folder} lacks {WEIGHTS_FILE}; copy the whole folder")
    found, expected = file_hash(path), description["weights_sha256"]
    if found != expected:
        raise ArtefactError(
            f"{path} was changed since it was written, or belongs to another {DESCRIPTION_FILE}: "
            f"its SHA-256 is {found}, expected {expected}; fetch the folder anew"
        )
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ArtefactError(f"{path} is no file of safetensors: {error}") from None
    parts = {name: description[name] for name in Artefact._fields if name != "weights"}
    return Artefact(**parts, weights=weights)


def _description(path: Path) -> dict[str, Any]:
    """The content of the JSON file, if all of it is understood.

    Raises:
        ArtefactError: it is not.
    """
    if not path.is_file():
        raise ArtefactError(
            f"{path} does not exist; an artefact is a folder with {DESCRIPTION_FILE} and "
            f"{WEIGHTS_FILE}, as `python -m rfcx_audio.export format=artefact` writes it"
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        seal = content_hash(description) if isinstance(description, dict) else ""
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path} is no readable JSON: {error}") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ArtefactError(f"{path} does not call itself {FORMAT!r}")
    if description.get("version") not in (1, FORMAT_VERSION):
        raise ArtefactError(
            f"{path} has the format version {description.get('version')!r}, this library reads "
            f"{FORMAT_VERSION}; use the rfcx_audio that wrote it, "
            f"{description.get('versions')}, or a newer one"
        )
    if description.pop(_SEAL, None) != seal:
        raise ArtefactError(
            f"{path} was changed since it was written: its content does not have the SHA-256 that "
            "it states; fetch the folder anew"
        )
    if description["version"] == 1:  # which stated nothing of the species but their names
        description = {"about": {}, "teachers_saw": [], **description, "version": FORMAT_VERSION}
    _check_content(description, path)
    return description


def _check_content(description: Mapping[str, Any], path: Path) -> None:
    """Refuses keys and values that the format version does not have.

    Raises:
        ArtefactError: there are such.
    """
    found, expected = set(description), {"format", "version", *_KINDS}
    if found != expected:
        raise ArtefactError(
            f"{path} lacks {sorted(expected - found) or 'no key'} and has "
            f"{sorted(found - expected) or 'no key'} beyond those of format version "
            f"{FORMAT_VERSION}"
        )
    for name, kinds in _KINDS.items():
        if not isinstance(description[name], kinds):
            raise ArtefactError(
                f"{path}: {name} is a {type(description[name]).__name__}, expected "
                f"{' or '.join(kind.__name__ for kind in kinds)}"
            )
    species, calibration = description["species"], description["calibration"]
    if not all(isinstance(name, str) for name in species):
        raise ArtefactError(f"{path}: species holds {species!r}, expected names only")
    if calibration is None:
        return
    try:
        calibrated = len(Calibration.from_dict(calibration).species)
    except ValueError as error:
        raise ArtefactError(f"{path}: {error}") from None
    if calibrated != len(species):
        raise ArtefactError(
            f"{path}: the calibration is of {calibrated} species, the model of {len(species)}; fit "
            "it on scores of this model"
        )
