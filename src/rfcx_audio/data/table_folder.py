"""Where a data set comes from: a user's own tables and audio."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rfcx_audio.data.annotations import read_annotations
from rfcx_audio.data.contradictions import warn_of_contradictions
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rows import AnnotationError, match_audio
from rfcx_audio.data.source import Corpus, MissingAudio, RfcxFolder
from rfcx_audio.data.species_numbers import (
    check_species,
    number_species,
    read_species,
    write_species,
)
from rfcx_audio.data.tables import read_tables

_log = logging.getLogger(__name__)


class TableFolder(RfcxFolder):
    """A folder of a user's own tables (Raven, Audacity, CSV), and of audio.

    Args:
        root: the folder; its files `*.csv`, `*.tsv` and `*.txt` are all read, see `read_tables`.
        num_species: of the tables.
        audio: the folder of the recordings.
        species: a CSV of `species` (name) and `species_id` (from 0). Where it is missing, the names
            in the tables are numbered in their order, and it is written.
        columns: of the tables by field, see `read_tables`.
        missing_audio: see `RfcxFolder`.
        templates: see `RfcxFolder`.
        pseudo_rows: see `RfcxFolder`.
        complete: where every call is marked, see `Annotations.declared`; None for nowhere.
    """

    def __init__(
        self,
        root: str,
        num_species: int,
        audio: str,
        species: str,
        columns: Mapping[str, str | None] | None = None,
        missing_audio: MissingAudio = "error",
        templates: pd.DataFrame | None = None,
        pseudo_rows: str | None = None,
        complete: bool | str | None = None,
    ) -> None:
        super().__init__(root, num_species, missing_audio, templates, pseudo_rows)
        self.audio = Path(audio)
        self.species = Path(species)
        self.columns = columns
        self.complete = complete

    def prepare(self) -> None:
        """Writes the numbers of the species if they are not there yet."""
        if not self.species.exists():
            write_species(self.numbers(self.tables()), self.species)

    def tables(self) -> pd.DataFrame:
        """The rows of all tables as text."""
        return read_tables(self.root, self.columns, (self.species,))

    def numbers(self, tables: pd.DataFrame) -> dict[str, int]:
        """Number of each species by name, from the file or newly given.

        Raises:
            AnnotationError: they are not those from 0 to `num_species - 1`.
        """
        if self.species.exists():
            return read_species(self.species, self.num_species)
        species = number_species(tables["species"])
        check_species(species, self.num_species, str(self.root))
        return species

    def load(self) -> Corpus:
        """Reads the tables and the headers of the audio files.

        Rows without frequencies reach up to the highest that the recordings hold.

        Raises:
            AnnotationError: a table breaks a rule, or no row has audio.
        """
        if not self.audio.is_dir():
            raise AnnotationError(f"{self.audio} does not exist; the recordings belong there")
        train = Recordings.scan(self.audio)
        species = self.species if self.species.exists() else None
        settings = (self.num_species, species, self.columns, train.nyquist_hz)
        annotations = read_annotations(self.root, *settings).declared(self.complete)
        rows = annotations.rows
        usable, left_out = match_audio(rows, train.durations_s, self.missing_audio, train.failures)
        if usable.empty:
            raise AnnotationError(
                f"none of the {len(rows)} rows has its audio file in {self.audio}; set "
                "data.source.audio to the folder of the recordings"
            )
        others = (train, None, None, None, self.templates, self.pseudo())
        warn_of_contradictions(rows)
        missed = set(annotations.complete.missed(train.paths)) - set(rows["recording_id"])
        if missed:
            _log.warning(
                "%d recordings or patterns of data.source.complete match no audio, the first %r",
                *(len(missed), min(missed)),
            )
        where = {"coverage": annotations.complete, "without_rows": annotations.without_rows}
        return Corpus(rows, usable, left_out, *others, **where)
