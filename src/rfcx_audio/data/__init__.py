"""From tables and audio files to batches of labelled spectrograms."""

from typing import TYPE_CHECKING, Any

from rfcx_audio.data.annotations import Annotations, read_annotations
from rfcx_audio.data.audio import AudioError, AudioInfo, AudioReader, probe
from rfcx_audio.data.cache import CachedReader
from rfcx_audio.data.contradictions import contradictory, warn_of_contradictions
from rfcx_audio.data.coverage import (
    EVERYWHERE,
    NOWHERE,
    CompleteSpan,
    Coverage,
    read_coverage,
)
from rfcx_audio.data.crop_dataset import CropDataset, collate_crops, collate_placed
from rfcx_audio.data.crops import background_start, crop_start, window_starts
from rfcx_audio.data.feature_store import FeatureStore, StoreError
from rfcx_audio.data.folds import Folds, assign_folds
from rfcx_audio.data.frequency_range import FrequencyRange, check_range, frequency_range
from rfcx_audio.data.intervals import FrameScores, inside, spans, stitch
from rfcx_audio.data.labels import (
    complete_labels,
    known_share,
    label_recording,
    label_windows,
    rows_of,
)
from rfcx_audio.data.loader import Loader
from rfcx_audio.data.pasted_calls import embed_pasted
from rfcx_audio.data.pasting import Pasting
from rfcx_audio.data.pseudo import PSEUDO_COLUMNS, add_pseudo_rows, read_pseudo
from rfcx_audio.data.recording_dataset import LONG_S, RecordingDataset
from rfcx_audio.data.recording_info import RecordingInfo, describe_recordings
from rfcx_audio.data.recordings import Recordings, file_name, find_recordings, readable_name
from rfcx_audio.data.recordings_table import (
    INFO_COLUMNS,
    add_to_table,
    names_places,
    read_recordings_table,
)
from rfcx_audio.data.resident import ResidentAudio, ResidentReader
from rfcx_audio.data.rfcx_templates import rfcx_templates
from rfcx_audio.data.row_templates import row_templates, with_every_species
from rfcx_audio.data.rows import RFCX_FILES, AnnotationError, few, match_audio, read_rfcx, read_rows
from rfcx_audio.data.sampler import CropRecipe, CropSampler, Draw
from rfcx_audio.data.soft_labels import NO_SOFT_LABELS, SOFT_METADATA, SoftLabels, SoftRecipe
from rfcx_audio.data.source import Corpus, RfcxFolder, SyntheticFolder
from rfcx_audio.data.species import SpeciesClass, species_bands, species_classes
from rfcx_audio.data.species_names import (
    SpeciesNames,
    read_species_names,
    write_species_names,
)
from rfcx_audio.data.species_numbers import number_species, read_species
from rfcx_audio.data.split import Split, training_recordings, unlabelled_recordings
from rfcx_audio.data.start_times import after, parse_zone, start_in_name
from rfcx_audio.data.stored_recordings import StoredCrops, check_store, samples_of
from rfcx_audio.data.stretches import reachable
from rfcx_audio.data.table_folder import TableFolder
from rfcx_audio.data.table_rows import table_rows
from rfcx_audio.data.tables import RAVEN_COLUMNS, read_tables
from rfcx_audio.data.teachers import fold_table_id, seen_by_teacher, seen_folds

if TYPE_CHECKING:
    from rfcx_audio.data.datamodule import RecordingDataModule
    from rfcx_audio.data.feature_module import FeatureDataModule

__all__ = [
    "EVERYWHERE",
    "INFO_COLUMNS",
    "LONG_S",
    "NOWHERE",
    "NO_SOFT_LABELS",
    "PSEUDO_COLUMNS",
    "RAVEN_COLUMNS",
    "RFCX_FILES",
    "SOFT_METADATA",
    "AnnotationError",
    "Annotations",
    "AudioError",
    "AudioInfo",
    "AudioReader",
    "CachedReader",
    "CompleteSpan",
    "Corpus",
    "Coverage",
    "CropDataset",
    "CropRecipe",
    "CropSampler",
    "Draw",
    "FeatureDataModule",
    "FeatureStore",
    "Folds",
    "FrameScores",
    "FrequencyRange",
    "Loader",
    "Pasting",
    "RecordingDataModule",
    "RecordingDataset",
    "RecordingInfo",
    "Recordings",
    "ResidentAudio",
    "ResidentReader",
    "RfcxFolder",
    "SoftLabels",
    "SoftRecipe",
    "SpeciesClass",
    "SpeciesNames",
    "Split",
    "StoreError",
    "StoredCrops",
    "SyntheticFolder",
    "TableFolder",
    "add_pseudo_rows",
    "add_to_table",
    "after",
    "assign_folds",
    "background_start",
    "check_range",
    "check_store",
    "collate_crops",
    "collate_placed",
    "complete_labels",
    "contradictory",
    "crop_start",
    "describe_recordings",
    "embed_pasted",
    "few",
    "file_name",
    "find_recordings",
    "fold_table_id",
    "frequency_range",
    "inside",
    "known_share",
    "label_recording",
    "label_windows",
    "match_audio",
    "names_places",
    "number_species",
    "parse_zone",
    "probe",
    "reachable",
    "read_annotations",
    "read_coverage",
    "read_pseudo",
    "read_recordings_table",
    "read_rfcx",
    "read_rows",
    "read_species",
    "read_species_names",
    "read_tables",
    "readable_name",
    "rfcx_templates",
    "row_templates",
    "rows_of",
    "samples_of",
    "seen_by_teacher",
    "seen_folds",
    "spans",
    "species_bands",
    "species_classes",
    "start_in_name",
    "stitch",
    "table_rows",
    "training_recordings",
    "unlabelled_recordings",
    "warn_of_contradictions",
    "window_starts",
    "with_every_species",
    "write_species_names",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (a class)
    """The data modules, imported when they are first used: Lightning takes seconds to import."""
    if name == "RecordingDataModule":
        from rfcx_audio.data.datamodule import RecordingDataModule  # noqa: PLC0415

        return RecordingDataModule
    if name == "FeatureDataModule":
        from rfcx_audio.data.feature_module import FeatureDataModule  # noqa: PLC0415

        return FeatureDataModule
    raise AttributeError(name)
