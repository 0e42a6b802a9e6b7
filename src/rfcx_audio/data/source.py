"""Where a data set comes from: tables and folders of audio in the RFCX layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from rfcx_audio.data.pseudo import read_pseudo
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rfcx_templates import rfcx_templates
from rfcx_audio.data.rows import AnnotationError, match_audio, read_rfcx
from rfcx_audio.data.species_numbers import (
    check_species,
    number_species,
    read_species,
    write_species,
)
from rfcx_audio.data.synthetic import Rainforest, write_rainforest
from rfcx_audio.data.tables import read_tables, table_rows
from rfcx_audio.data.truth import read_truth

MissingAudio = Literal["error", "leave_out"]


@dataclass(frozen=True)
class Corpus:
    """Everything a training run needs to know of its data.

    Attributes:
        rows: of the tables, all of them.
        usable: the rows whose audio is there.
        left_out: the other rows, with a column `reason`.
        train: recordings to train and validate on.
        test: recordings with complete truth, if any.
        truth: every call of the test recordings (`recording_id`, `species_id`, …), if known.
        train_truth: the same for the training recordings; for measurements and upper bounds only.
        templates: the species' usual boxes (`species_id`, `f_min`, `f_max`, `duration_s`), if
            known.
        pseudo: rows that a model wrote, to train on beside `rows`, see `read_pseudo`; None for
            none.
    """

    rows: pd.DataFrame
    usable: pd.DataFrame
    left_out: pd.DataFrame
    train: Recordings
    test: Recordings | None
    truth: pd.DataFrame | None
    train_truth: pd.DataFrame | None
    templates: pd.DataFrame | None
    pseudo: pd.DataFrame | None = None


class RfcxFolder:
    """A folder in the layout of the RFCX competition.

    `train_tp.csv`, `train_fp.csv`, `train/<id>.flac`; where the truth of `test/<id>.flac` is
    complete, `truth.csv` lists its calls (`split`, `recording_id`, `species_id`).

    Args:
        root: the folder.
        num_species: species are numbered from 0.
        missing_audio: what happens to rows whose recording has no audio file: `leave_out` reports
            them and goes on, `error` refuses.
        templates: the species' usual boxes, if known: `rfcx_templates()` for RFCX's own species.
        pseudo_rows: a table of pseudo-labels that `rfcx_audio.relabel` wrote, to train on beside
            the tables' own rows, see `add_pseudo_rows`; None for none.

    Raises:
        ValueError: `missing_audio` is neither.
    """

    def __init__(
        self,
        root: str,
        num_species: int,
        missing_audio: MissingAudio = "leave_out",
        templates: pd.DataFrame | None = None,
        pseudo_rows: str | None = None,
    ) -> None:
        if missing_audio not in get_args(MissingAudio):
            raise ValueError(f"missing_audio = {missing_audio!r}; choose error or leave_out")
        self.root = Path(root)
        self.num_species = num_species
        self.missing_audio: MissingAudio = missing_audio
        self.templates = templates
        self.pseudo_rows = pseudo_rows

    def prepare(self) -> None:
        """Makes or fetches what is not there yet; here, nothing."""

    def load(self) -> Corpus:
        """Reads the tables and the headers of the audio files.

        Raises:
            AnnotationError: a table breaks a rule, or no row has audio.
        """
        rows = read_rfcx(self.root, self.num_species)
        folder = self.root / "train"
        if not folder.is_dir():
            raise AnnotationError(f"{folder} does not exist; the recordings belong there")
        train = Recordings.scan(folder)
        usable, left_out = match_audio(rows, train.durations_s, self.missing_audio, train.failures)
        if usable.empty:
            raise AnnotationError(f"none of the {len(rows)} rows has its audio file in {folder}")
        truth, train_truth = self._truth("test"), self._truth("train")
        test = None if truth is None else Recordings.scan(self.root / "test")
        others = (train, test, truth, train_truth, self.templates, self.pseudo())
        return Corpus(rows, usable, left_out, *others)

    def pseudo(self) -> pd.DataFrame | None:
        """The pseudo-labels to train on, if any.

        Raises:
            AnnotationError: they are no such table, or label other species.
        """
        if self.pseudo_rows is None:
            return None
        pseudo = read_pseudo(Path(self.pseudo_rows))
        if (pseudo["species_id"] >= self.num_species).any():
            raise AnnotationError(
                f"{self.pseudo_rows} has rows of species {pseudo['species_id'].max()}, beyond "
                f"{self.num_species - 1}; it was made for other tables (set data.num_species)"
            )
        return pseudo

    def _truth(self, split: str) -> pd.DataFrame | None:
        path = self.root / "truth.csv"
        if not path.exists():
            return None
        truth = read_truth(path, self.num_species)
        if "split" not in truth:
            raise AnnotationError(f"{path} lacks the column split, with train or test in each row")
        calls = truth[truth["split"] == split].reset_index(drop=True)
        return None if calls.empty else calls


class SyntheticFolder(RfcxFolder):
    """A synthetic rainforest in the same layout, generated on first use.

    Args:
        root: where it is, or will be.
        num_species: must be the 24 of the rainforest.
        recipe: how it is made; a folder made by another recipe is refused.
        missing_audio: see `RfcxFolder`.
        templates: the boxes that the calls lie in; None: `rfcx_templates()`, which the voices are
            made for.
        workers: processes that write it; None takes one for each core.
        pseudo_rows: see `RfcxFolder`.
    """

    def __init__(
        self,
        root: str,
        num_species: int,
        recipe: Rainforest,
        missing_audio: MissingAudio = "error",
        templates: pd.DataFrame | None = None,
        workers: int | None = None,
        pseudo_rows: str | None = None,
    ) -> None:
        boxes = rfcx_templates() if templates is None else templates
        super().__init__(root, num_species, missing_audio, boxes, pseudo_rows)
        self.boxes = boxes
        self.recipe = recipe
        self.workers = workers

    def prepare(self) -> None:
        """Generates the data set if it is not there yet.

        Raises:
            ValueError: the folder holds a rainforest of another recipe.
        """
        write_rainforest(self.root, self.recipe, self.boxes, self.workers)


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
    ) -> None:
        super().__init__(root, num_species, missing_audio, templates, pseudo_rows)
        self.audio = Path(audio)
        self.species = Path(species)
        self.columns = columns

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

    def rows(self, f_max: float = 24_000.0) -> tuple[pd.DataFrame, dict[str, int]]:
        """The rows of all tables, see `table_rows`, and the numbers of the species."""
        tables = self.tables()
        numbers = self.numbers(tables)
        return table_rows(tables, numbers, self.num_species, f_max), numbers

    def load(self) -> Corpus:
        """Reads the tables and the headers of the audio files.

        Rows without frequencies reach up to the highest that the recordings hold.

        Raises:
            AnnotationError: a table breaks a rule, or no row has audio.
        """
        if not self.audio.is_dir():
            raise AnnotationError(f"{self.audio} does not exist; the recordings belong there")
        train = Recordings.scan(self.audio)
        rows, _ = self.rows(train.nyquist_hz)
        usable, left_out = match_audio(rows, train.durations_s, self.missing_audio, train.failures)
        if usable.empty:
            raise AnnotationError(
                f"none of the {len(rows)} rows has its audio file in {self.audio}; set "
                "data.source.audio to the folder of the recordings"
            )
        others = (train, None, None, None, self.templates, self.pseudo())
        return Corpus(rows, usable, left_out, *others)
