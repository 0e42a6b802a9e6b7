"""From tables and audio files to batches of labelled spectrograms."""

from typing import TYPE_CHECKING, Any

from rfcx_audio.data.annotations import Annotations, read_annotations
from rfcx_audio.data.audio import AudioError, AudioInfo, AudioReader, probe
from rfcx_audio.data.cache import CachedReader
from rfcx_audio.data.crop_dataset import CropDataset, collate_crops, collate_placed
from rfcx_audio.data.crops import background_start, crop_start, window_starts
from rfcx_audio.data.folds import Folds, assign_folds
from rfcx_audio.data.intervals import FrameScores, inside, spans, stitch
from rfcx_audio.data.labels import (
    complete_labels,
    known_share,
    label_recording,
    label_windows,
    rows_of,
)
from rfcx_audio.data.loader import Loader
from rfcx_audio.data.pseudo import PSEUDO_COLUMNS, add_pseudo_rows, read_pseudo
from rfcx_audio.data.recording_dataset import LONG_S, RecordingDataset
from rfcx_audio.data.recordings import Recordings, find_recordings, readable_name
from rfcx_audio.data.resident import ResidentAudio, ResidentReader
from rfcx_audio.data.rfcx_templates import rfcx_templates
from rfcx_audio.data.rows import AnnotationError, match_audio, read_rfcx, read_rows
from rfcx_audio.data.sampler import CropRecipe, CropSampler, Draw
from rfcx_audio.data.source import Corpus, RfcxFolder, SyntheticFolder
from rfcx_audio.data.species import SpeciesClass, species_bands, species_classes
from rfcx_audio.data.species_numbers import number_species, read_species, write_species
from rfcx_audio.data.split import Split, training_recordings
from rfcx_audio.data.stretches import reachable
from rfcx_audio.data.table_folder import TableFolder
from rfcx_audio.data.table_rows import table_rows
from rfcx_audio.data.tables import RAVEN_COLUMNS, read_tables

if TYPE_CHECKING:
    from rfcx_audio.data.datamodule import RecordingDataModule

__all__ = [
    "LONG_S",
    "PSEUDO_COLUMNS",
    "RAVEN_COLUMNS",
    "AnnotationError",
    "Annotations",
    "AudioError",
    "AudioInfo",
    "AudioReader",
    "CachedReader",
    "Corpus",
    "CropDataset",
    "CropRecipe",
    "CropSampler",
    "Draw",
    "Folds",
    "FrameScores",
    "Loader",
    "RecordingDataModule",
    "RecordingDataset",
    "Recordings",
    "ResidentAudio",
    "ResidentReader",
    "RfcxFolder",
    "SpeciesClass",
    "Split",
    "SyntheticFolder",
    "TableFolder",
    "add_pseudo_rows",
    "assign_folds",
    "background_start",
    "collate_crops",
    "collate_placed",
    "complete_labels",
    "crop_start",
    "find_recordings",
    "inside",
    "known_share",
    "label_recording",
    "label_windows",
    "match_audio",
    "number_species",
    "probe",
    "reachable",
    "read_annotations",
    "read_pseudo",
    "read_rfcx",
    "read_rows",
    "read_species",
    "read_tables",
    "readable_name",
    "rfcx_templates",
    "rows_of",
    "spans",
    "species_bands",
    "species_classes",
    "stitch",
    "table_rows",
    "training_recordings",
    "window_starts",
    "write_species",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (a class)
    """The data module, imported when it is first used: Lightning takes seconds to import."""
    if name == "RecordingDataModule":
        from rfcx_audio.data.datamodule import RecordingDataModule  # noqa: PLC0415

        return RecordingDataModule
    raise AttributeError(name)
