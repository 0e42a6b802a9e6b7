"""From a checkpoint and recordings to scores, tables and pictures."""

from rfcx_audio.inference.artefact import Artefact, ArtefactError, read_artefact, save_artefact
from rfcx_audio.inference.export import export_graph, open_graph
from rfcx_audio.inference.graph import ExportError
from rfcx_audio.inference.parity import read_windows
from rfcx_audio.inference.parts import PartError
from rfcx_audio.inference.picture import draw_recording
from rfcx_audio.inference.recogniser import (
    CONFIG_KEY,
    CheckpointError,
    Recogniser,
    load_recogniser,
    read_checkpoint,
    read_trained,
)
from rfcx_audio.inference.tta import View, views
from rfcx_audio.inference.windows import SlidingWindows

__all__ = [
    "CONFIG_KEY",
    "Artefact",
    "ArtefactError",
    "CheckpointError",
    "ExportError",
    "PartError",
    "Recogniser",
    "SlidingWindows",
    "View",
    "draw_recording",
    "export_graph",
    "load_recogniser",
    "open_graph",
    "read_artefact",
    "read_checkpoint",
    "read_trained",
    "read_windows",
    "save_artefact",
    "views",
]
