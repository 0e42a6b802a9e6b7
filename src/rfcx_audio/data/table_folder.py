"""Where a data set comes from: a user's own tables and audio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rfcx_audio.data.annotations import read_annotations
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rows import AnnotationError, match_audio
from rfcx_audio.data.source import Corpus, MissingAudio, RfcxFolder
from rfcx_audio.data.species_names import SpeciesNames, names_of
from rfcx_audio.data.species_numbers import check_species, number_species
from rfcx_audio.data.tables import read_tables


class TableFolder(RfcxFolder):
    """A folder of a user's own tables (Raven, Audacity, CSV), and of audio.

    Args:
        root: the folder; its files `*.csv`, `*.tsv` and `*.txt` are all read, see `read_tables`.
        audio: the folder of the recordings.
        num_species: of the tables; None: as many as they name.
        columns: of the tables by field, see `read_tables`.
        missing_audio: see `RfcxFolder`.
        pseudo_rows: see `RfcxFolder`.
        species_file: see `RfcxFolder`; where there is none, the names in the tables are numbered in
            their order.
        species: see `RfcxFolder`.
    """

    def __init__(
        self,
        root: str,
        audio: str,
        num_species: int | None = None,
        columns: Mapping[str, str | None] | None = None,
        missing_audio: MissingAudio = "error",
        pseudo_rows: str | None = None,
        species_file: str | None = None,
        species: Sequence[str] | None = None,
    ) -> None:
        super().__init__(root, num_species, missing_audio, pseudo_rows, species_file, species)
        self.audio = Path(audio)
        self.columns = columns

    @property
    def audio_folder(self) -> Path:
        """Where the recordings lie."""
        return self.audio

    def rows(self) -> pd.DataFrame:
        """The rows of the tables, with or without audio; see `RfcxFolder`."""
        return self._rows()

    def _rows(self, f_max: float = 24_000.0) -> pd.DataFrame:
        """The rows; those without frequencies reach up to `f_max` (Hz)."""
        file = self.species_file if self.species_file.exists() else None
        return read_annotations(self.root, self.species.names, file, self.columns, f_max).rows

    def _species_of_tables(self) -> SpeciesNames:
        numbers = number_species(read_tables(self.root, self.columns)["species"])
        if self._number is not None:
            check_species(numbers, self._number, str(self.root))
        count = max(numbers.values(), default=-1) + 1
        return SpeciesNames(names_of(numbers, count if self._number is None else self._number))

    def load(self) -> Corpus:
        """Reads the tables and the headers of the audio files.

        Rows without frequencies reach up to the highest that the recordings hold.

        Raises:
            AnnotationError: a table breaks a rule, or no row has audio.
        """
        if not self.audio.is_dir():
            raise AnnotationError(f"{self.audio} does not exist; the recordings belong there")
        train = Recordings.scan(self.audio)
        rows = self._rows(train.nyquist_hz)
        usable, left_out = match_audio(rows, train.durations_s, self.missing_audio, train.failures)
        if usable.empty:
            raise AnnotationError(
                f"none of the {len(rows)} rows has its audio file in {self.audio}; set "
                "data.source.audio to the folder of the recordings"
            )
        return Corpus(rows, usable, left_out, train, None, None, None, self.pseudo())
