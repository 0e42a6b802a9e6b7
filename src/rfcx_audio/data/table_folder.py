"""Where a data set comes from: a user's own tables and audio."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from rfcx_audio.data.annotations import Annotations, read_annotations
from rfcx_audio.data.contradictions import warn_of_contradictions
from rfcx_audio.data.rows import AnnotationError, few, match_audio
from rfcx_audio.data.source import Corpus, MissingAudio, RfcxFolder
from rfcx_audio.data.species_names import SpeciesNames, names_of
from rfcx_audio.data.species_numbers import check_species, number_species
from rfcx_audio.data.tables import NO_SPECIES, read_tables

_log = logging.getLogger(__name__)


class TableFolder(RfcxFolder):
    """A folder of a user's own tables (Raven, Audacity, CSV), and of audio.

    Args:
        root: the folder; its files `*.csv`, `*.tsv` and `*.txt` are all read, at any depth, see
            `read_tables`.
        audio: the folder of the recordings, at any depth.
        num_species: of the tables; None: as many as they name.
        columns: of the tables by field, see `read_tables`.
        ignore: names in the tables that are no species, see `read_tables`.
        missing_audio: see `RfcxFolder`.
        pseudo_rows: see `RfcxFolder`.
        species_file: see `RfcxFolder`; where there is none, the names in the tables are numbered in
            their order.
        species: see `RfcxFolder`.
        complete: where every call is marked, see `Annotations.declared`; None for nowhere.
        verdicts: see `RfcxFolder`.
    """

    _at_any_depth = True

    def __init__(
        self,
        root: str,
        audio: str,
        num_species: int | None = None,
        columns: Mapping[str, str | None] | None = None,
        ignore: Sequence[str] = NO_SPECIES,
        missing_audio: MissingAudio = "error",
        pseudo_rows: str | None = None,
        species_file: str | None = None,
        species: Sequence[str] | None = None,
        complete: bool | str | None = None,
        verdicts: str | None = None,
    ) -> None:
        others = (pseudo_rows, species_file, species, verdicts)
        super().__init__(root, num_species, missing_audio, *others)
        self.audio = Path(audio)
        self.columns = columns
        self.ignore = ignore
        self.complete = complete

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of the tables and the verdicts, with or without audio; see `RfcxFolder`."""
        rows = self._annotations.rows
        if self.verdicts is None:
            warn_of_contradictions(rows)
        return self._with_verdicts(rows)

    @cached_property
    def _annotations(self) -> Annotations:
        """The tables; rows without frequencies reach as high as any recording."""
        file = self.species_file if self.species_file.exists() else None
        settings = (self.species.names, file, self.columns, self.recordings.nyquist_hz)
        return read_annotations(self.root, *settings, self.ignore, self.recordings, self.complete)

    def _species_of_tables(self) -> SpeciesNames:
        others = (Path(self.complete),) if isinstance(self.complete, str) else ()
        tables = read_tables(self.root, self.columns, others, self.ignore)
        numbers = number_species(tables.rows["species"])
        if self._number is not None:
            check_species(numbers, self._number, str(self.root))
            return SpeciesNames(names_of(numbers, self._number))
        # Names may be numbers of a larger list, whose others are no species of these tables.
        found = {number: name for name, number in reversed(numbers.items())}
        return SpeciesNames(tuple(found[number] for number in sorted(found)))

    def load(self) -> Corpus:
        """Reads the tables and the headers of the audio files.

        Rows without frequencies reach up to the highest that the recordings hold.

        Raises:
            AnnotationError: a table breaks a rule, or no row has audio.
        """
        train, found, rows = self.recordings, self._annotations, self.rows
        usable, left_out = match_audio(
            rows, train.durations_s, self.missing_audio, train.failures, found.unmatched
        )
        if usable.empty:
            raise AnnotationError(train.without_audio(len(rows), self.audio))
        unused = (
            set(found.without_rows)
            - set(rows["recording_id"])
            - set(found.complete.named(sorted(train.paths)))
        )
        if unused:
            _log.info(
                "%d recordings are not used: their tables have no row of a species (%s); if that "
                "means that none calls there, state it in data.source.complete",
                *(len(unused), few(sorted(unused))),
            )
        missed = set(found.complete.missed(train.paths)) - set(rows["recording_id"])
        if missed:
            _log.warning(
                "%d recordings or patterns of data.source.complete match no audio, the first %r",
                *(len(missed), min(missed)),
            )
        others = (train, None, None, None, self.pseudo(), found.complete, found.without_rows)
        return Corpus(rows, usable, left_out, *others)
