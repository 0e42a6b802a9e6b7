"""Exports a checkpoint as an artefact (weights and JSON) or as a graph (ONNX, torch.export)."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from rfcx_audio.config import DictConfig
from rfcx_audio.data import read_species
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.graph import ExportError, export_graph, read_windows
from rfcx_audio.scoring import (
    Artefact,
    Recogniser,
    list_recordings,
    load_recogniser,
    read_trained,
    save_artefact,
)
from rfcx_audio.screen import print_table

_SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
_log = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """Writes the artefact or the graph into `paths.output_dir`."""
    check_options(config)
    recogniser = load_recogniser(config.checkpoint)
    if isinstance(recogniser.frontend, EncoderFrontend) and config.format != "artefact":
        raise ExportError(
            f"format={config.format}: this is a head on features of an encoder that is no part of "
            "it, so there is no graph from sound to scores; format=artefact keeps the head, and "
            "names the encoder"
        )
    trained = with_names_and_calibration(
        read_trained(config.checkpoint), config.species, config.calibration
    )
    folder = Path(config.paths.output_dir)
    if config.format == "artefact":
        save_artefact(without_places(trained), folder)
        _log.info("the artefact is %s: share the whole folder, give it as checkpoint=…", folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model{_SUFFIXES[config.format]}"
    audio = read_windows(recogniser, list(list_recordings(config.recordings).values()))
    metadata = metadata_of(trained, recogniser)
    for name in ("onnx_ir", "onnxscript"):
        logging.getLogger(name).setLevel(logging.WARNING)
    _log.info("tracing the network, this can take minutes for networks with hundreds of layers")
    table = export_graph(recogniser, path, metadata, audio, config.tolerance)
    worst = table["difference"].max()
    table["difference"] = table["difference"].map("{:.1e}".format)
    print_table(table, "library and graph on real audio")
    _log.info(
        "greatest difference %.1e, allowed %.0e; the graph is %s", worst, config.tolerance, path
    )


def check_options(config: DictConfig) -> None:
    """Checks that the format exists, and that a graph has recordings to be compared on.

    Raises:
        ExportError: the format is unknown, or `recordings` is missing for onnx or torch.
    """
    if config.format == "artefact":
        return
    if config.format not in _SUFFIXES:
        raise ExportError(f"format={config.format}: expected artefact, {' or '.join(_SUFFIXES)}")
    if config.recordings is None:
        raise ExportError(
            f"format={config.format} needs recordings=…, a folder, pattern, list or file of audio: "
            "the graph is kept only if its uncalibrated probabilities match the library's on it"
        )


def with_names_and_calibration(
    trained: Artefact, species: str | None, calibration: str | None
) -> Artefact:
    """The artefact with species names (CSV) and a calibration (JSON) where files are given.

    What is known of the species, and the calibration, get the new names too.
    """
    names = list(trained.species)
    if species is not None:
        numbers = read_species(Path(species), len(names))
        for name, number in reversed(numbers.items()):  # of several names, the first is kept
            names[number] = name
    renamed = dict(zip(trained.species, names, strict=True))
    fitted = trained.calibration
    if calibration is not None:
        fitted = json.loads(Path(calibration).read_text(encoding="utf-8"))
    if fitted is not None and fitted.get("names"):
        fitted = {**fitted, "names": [renamed.get(name, name) for name in fitted["names"]]}
    about = {renamed.get(name, name): known for name, known in trained.about.items()}
    return trained._replace(species=names, calibration=fitted, about=about)


def without_places(trained: Artefact) -> Artefact:
    """The artefact without the folder of its encoder's file, which it does not contain."""
    encoder = trained.frontend.get("encoder")
    if encoder is None:
        return trained
    places = {
        key: Path(encoder[key]).name
        for key in ("file", "checkpoint")
        if encoder.get(key) and not str(encoder[key]).startswith("package:")
    }
    return trained._replace(frontend={**trained.frontend, "encoder": {**encoder, **places}})


def metadata_of(trained: Artefact, recogniser: Recogniser) -> dict[str, Any]:
    """Metadata of a graph: species names, `Recogniser.settings`, and the calibration if any."""
    settings = {**recogniser.settings(), "calibration": trained.calibration}
    return {**settings, "species": list(trained.species)}
