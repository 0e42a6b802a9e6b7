"""Where a data set comes from: tables and audio in the RFCX layout, real or synthetic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from rfcx_audio.data.annotations import read_annotations
from rfcx_audio.data.contradictions import warn_of_contradictions
from rfcx_audio.data.coverage import NOWHERE, Coverage
from rfcx_audio.data.pseudo import read_pseudo
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rfcx_templates import rfcx_templates
from rfcx_audio.data.rows import AnnotationError, match_audio, read_rfcx
from rfcx_audio.data.species_names import SpeciesNames, names_of, read_species_names
from rfcx_audio.data.synthetic import Rainforest, drawn_templates, write_rainforest
from rfcx_audio.data.truth import read_truth

MissingAudio = Literal["error", "leave_out"]
_UNLIMITED = 2**31 - 1
_SCORE_COLUMN = re.compile(r"s\d+")


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
        pseudo: rows that a model wrote, to train on beside `rows`, see `read_pseudo`; None for
            none.
        coverage: where the rows are all calls, so that a species without one is absent.
        without_rows: recordings that a table is about, without a row there, see `Annotations`.
    """

    rows: pd.DataFrame
    usable: pd.DataFrame
    left_out: pd.DataFrame
    train: Recordings
    test: Recordings | None
    truth: pd.DataFrame | None
    train_truth: pd.DataFrame | None
    pseudo: pd.DataFrame | None = None
    coverage: Coverage = NOWHERE
    without_rows: tuple[str, ...] = ()

    @cached_property
    def silent(self) -> list[str]:
        """The recordings with audio that are complete somewhere and have no row; sorted."""
        with_rows = set(self.rows["recording_id"])
        return [
            name for name in self.coverage.named(sorted(self.train.paths)) if name not in with_rows
        ]

    @property
    def labelled(self) -> pd.DataFrame:
        """`rows`, and one of species -1 for each of the `silent`, which folds hold too."""
        if not self.silent:
            return self.rows
        rest = {"recording_id": self.silent, "species_id": -1, "present": False}
        return pd.concat([self.rows, pd.DataFrame(rest)], ignore_index=True)


class RfcxFolder:
    """A folder in the layout of the RFCX competition.

    `train_tp.csv`, `train_fp.csv`, `train/<id>.flac`; where the truth of `test/<id>.flac` is
    complete, `truth.csv` lists its calls (`split`, `recording_id`, `species_id`).

    Args:
        root: the folder.
        num_species: species are numbered from 0 to `num_species - 1`; None: as many as the names,
            the tables and the sample submission have.
        missing_audio: what happens to rows whose recording has no audio file: `leave_out` reports
            them and goes on, `error` refuses.
        pseudo_rows: a table of pseudo-labels that `rfcx_audio.relabel` wrote, to train on beside
            the tables' own rows, see `add_pseudo_rows`; None for none.
        species_file: a CSV of `species` (name), `species_id` and, if known, `scientific_name` and
            `common_name`; None: `species.csv` in `root`. Where there is none, the species are
            called s0, s1, …
        species: their names in the order of their numbers, if they are known already.
        verdicts: a store of `rfcx-audio review`, whose confirmed and rejected clips are rows beside
            those of the tables; None for none.

    Raises:
        ValueError: `missing_audio` is neither, `species` is one text, or are not `num_species`.
        AnnotationError: `species_file` is given and does not exist.
    """

    _at_any_depth = False  # whether recordings lie in folders of their folder too

    def __init__(
        self,
        root: str,
        num_species: int | None = None,
        missing_audio: MissingAudio = "leave_out",
        pseudo_rows: str | None = None,
        species_file: str | None = None,
        species: Sequence[str] | None = None,
        verdicts: str | None = None,
    ) -> None:
        if missing_audio not in get_args(MissingAudio):
            raise ValueError(f"missing_audio = {missing_audio!r}; choose error or leave_out")
        if isinstance(species, str):
            raise ValueError(f"species = {species!r} is one text; give a list: data.species=[…,…]")
        if species is not None and num_species not in (None, len(species)):
            raise ValueError(
                f"data.species has {len(species)} names, data.num_species is {num_species}; leave "
                "data.num_species unset"
            )
        if species_file is not None and not Path(species_file).is_file():
            raise AnnotationError(
                f"data.source.species_file={species_file} does not exist; expected a CSV with the "
                "columns species and species_id"
            )
        self.root = Path(root)
        self.audio = self.root / "train"
        self.missing_audio: MissingAudio = missing_audio
        self.pseudo_rows = pseudo_rows
        self.verdicts = verdicts
        self.species_file = (
            Path(root) / "species.csv" if species_file is None else Path(species_file)
        )
        self._number = num_species
        self._names = None if species is None else tuple(map(str, species))

    @cached_property
    def species(self) -> SpeciesNames:
        """The species that are scored: as given, as in `species_file`, or as in the tables.

        Raises:
            AnnotationError: a table or the file breaks a rule.
        """
        if self._names is not None:
            return SpeciesNames(self._names)
        if self.species_file.exists():
            return read_species_names(self.species_file, self._number)
        return self._species_of_tables()

    @property
    def num_species(self) -> int:
        """Width of the labels."""
        return len(self.species.names)

    @cached_property
    def recordings(self) -> Recordings:
        """The recordings to train on, whose headers are read on first use.

        Raises:
            AnnotationError: their folder does not exist.
        """
        if not self.audio.is_dir():
            raise AnnotationError(f"{self.audio} does not exist; the recordings belong there")
        return Recordings.scan(self.audio, self._at_any_depth)

    def prepare(self) -> None:
        """Makes or fetches what is not there yet; here, nothing."""

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of the tables and the verdicts, with or without audio, read on first use.

        Raises:
            AnnotationError: a table breaks a rule.
        """
        return self._with_verdicts(read_rfcx(self.root, self.num_species))

    def _with_verdicts(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows of tables, and below them those of the verdicts, which `source` and `line` name."""
        if self.verdicts is None:
            return rows
        file = self.species_file if self.species_file.exists() else None
        settings = (self.species.names, file, None, self.recordings.nyquist_hz)
        found = read_annotations(self.verdicts, *settings, recordings=self.recordings).rows
        every = pd.concat([rows, found], ignore_index=True)
        warn_of_contradictions(every)
        return every

    def _species_of_tables(self) -> SpeciesNames:
        """As many as are given, or as the tables and the sample submission have."""
        count = self._number
        if count is None:
            highest = int(read_rfcx(self.root, _UNLIMITED)["species_id"].max())
            sample = self.root / "sample_submission.csv"
            if sample.exists():
                columns = pd.read_csv(sample, nrows=0).columns
                numbers = [int(name[1:]) for name in columns if _SCORE_COLUMN.fullmatch(name)]
                highest = max([highest, *numbers])
            count = highest + 1
        return SpeciesNames(names_of({}, count))

    def load(self) -> Corpus:
        """Reads the tables and the headers of the audio files.

        Raises:
            AnnotationError: a table breaks a rule, or no row has audio.
        """
        rows, train = self.rows, self.recordings
        usable, left_out = match_audio(rows, train.durations_s, self.missing_audio, train.failures)
        if usable.empty:
            raise AnnotationError(train.without_audio(len(rows), self.audio))
        truth, train_truth = self._truth("test"), self._truth("train")
        test = None if truth is None else Recordings.scan(self.root / "test")
        others = (train, test, truth, train_truth, self.pseudo())
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
        num_species: must be that of the recipe.
        recipe: how it is made; a folder made by another recipe is refused.
        missing_audio: see `RfcxFolder`.
        workers: threads that write it; None takes one for each core.
        pseudo_rows: see `RfcxFolder`.
        species_file: see `RfcxFolder`.
        species: see `RfcxFolder`.
        verdicts: see `RfcxFolder`.

    Raises:
        ValueError: the recipe has another number of species.
    """

    def __init__(
        self,
        root: str,
        num_species: int | None,
        recipe: Rainforest,
        missing_audio: MissingAudio = "error",
        workers: int | None = None,
        pseudo_rows: str | None = None,
        species_file: str | None = None,
        species: Sequence[str] | None = None,
        verdicts: str | None = None,
    ) -> None:
        others = (pseudo_rows, species_file, species, verdicts)
        super().__init__(root, num_species, missing_audio, *others)
        if num_species not in (None, recipe.num_species):
            raise ValueError(
                f"data.num_species = {num_species}, but the rainforest has {recipe.num_species} "
                "species (data.source.recipe.species; null: RFCX's 24); set both alike"
            )
        self.recipe = recipe
        self.workers = workers

    def prepare(self) -> None:
        """Generates the data set if it is not there yet.

        Raises:
            ValueError: the folder holds a rainforest of another recipe.
        """
        own = self.recipe.species
        boxes = rfcx_templates() if own is None else drawn_templates(self.recipe.seed, own)
        write_rainforest(self.root, self.recipe, boxes, self.workers)
