"""A checkpoint to an artefact to share, or a graph to run."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from rich.console import Console

from rfcx_audio.callbacks import rich_table
from rfcx_audio.config import DictConfig
from rfcx_audio.data import read_species
from rfcx_audio.graph import ExportError, export_graph, read_windows
from rfcx_audio.scoring import (
    Artefact,
    Recogniser,
    list_recordings,
    load_recogniser,
    read_trained,
    save_artefact,
)

_SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
_log = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """The command."""
    check_words(config)
    recogniser = load_recogniser(config.checkpoint)
    trained = completed(read_trained(config.checkpoint), config.species, config.calibration)
    folder = Path(config.paths.output_dir)
    if config.format == "artefact":
        save_artefact(trained, folder)
        _log.info("the artefact is %s: share the whole folder, give it as checkpoint=…", folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"model{_SUFFIXES[config.format]}"
    audio = read_windows(recogniser, list(list_recordings(config.recordings).values()))
    metadata = metadata_of(trained, recogniser)
    for chatty in ("onnx_ir", "onnxscript"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    _log.info("tracing the network, which takes minutes where it has hundreds of layers")
    table = export_graph(recogniser, path, metadata, audio, config.tolerance)
    worst = table["difference"].max()
    table["difference"] = table["difference"].map("{:.1e}".format)
    Console().print(rich_table(table, "library and graph on real audio"))
    _log.info(
        "greatest difference %.1e, allowed %.0e; the graph is %s", worst, config.tolerance, path
    )


def check_words(config: DictConfig) -> None:
    """Refuses a format that there is not, and a graph without audio to compare it on.

    Raises:
        ExportError: it is so.
    """
    if config.format == "artefact":
        return
    if config.format not in _SUFFIXES:
        raise ExportError(f"format={config.format}: expected artefact, {' or '.join(_SUFFIXES)}")
    if config.recordings is None:
        raise ExportError(
            f"format={config.format} needs recordings=…, a folder, pattern, list or file of audio: "
            "the graph is left there only if it gives the library's probabilities on it"
        )


def completed(trained: Artefact, species: str | None, calibration: str | None) -> Artefact:
    """What was trained, with names of the species and a calibration where files give them."""
    names = list(trained.species)
    if species is not None:
        numbers = read_species(Path(species), len(names))
        for name, number in reversed(numbers.items()):  # the first of several names counts
            names[number] = name
    if calibration is None:
        return trained._replace(species=names)
    return trained._replace(
        species=names, calibration=json.loads(Path(calibration).read_text(encoding="utf-8"))
    )


def metadata_of(trained: Artefact, recogniser: Recogniser) -> dict[str, Any]:
    """What one must know to use a graph: the classes, and how the library would use it."""
    settings = {**recogniser.settings(), "calibration": trained.calibration}
    return {**settings, "species": list(trained.species)}
