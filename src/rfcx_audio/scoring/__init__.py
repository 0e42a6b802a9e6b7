"""From a checkpoint and recordings to scores, tables and pictures."""

from rfcx_audio.scoring.artefact import Artefact, ArtefactError, read_artefact, save_artefact
from rfcx_audio.scoring.checkpoint_encoder import CheckpointEncoder
from rfcx_audio.scoring.embedder import Embedder
from rfcx_audio.scoring.listing import list_recordings
from rfcx_audio.scoring.load import (
    CONFIG_KEY,
    SEEN_KEY,
    CheckpointError,
    load_recogniser,
    read_checkpoint,
    read_trained,
)
from rfcx_audio.scoring.parts import PartError, current_config
from rfcx_audio.scoring.picture import draw_recording, drawn_by, stretch_of
from rfcx_audio.scoring.recogniser import Recogniser
from rfcx_audio.scoring.tta import View, views
from rfcx_audio.scoring.windows import SlidingWindows

__all__ = [
    "CONFIG_KEY",
    "SEEN_KEY",
    "Artefact",
    "ArtefactError",
    "CheckpointEncoder",
    "CheckpointError",
    "Embedder",
    "PartError",
    "Recogniser",
    "SlidingWindows",
    "View",
    "current_config",
    "draw_recording",
    "drawn_by",
    "list_recordings",
    "load_recogniser",
    "read_artefact",
    "read_checkpoint",
    "read_trained",
    "save_artefact",
    "stretch_of",
    "views",
]
