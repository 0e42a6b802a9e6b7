"""Where a data set comes from: tables and audio in the RFCX layout, real or synthetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from rfcx_audio.data.coverage import NOWHERE, Coverage
from rfcx_audio.data.pseudo import read_pseudo
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rfcx_templates import rfcx_templates
from rfcx_audio.data.rows import AnnotationError, match_audio, read_rfcx
from rfcx_audio.data.synthetic import Rainforest, write_rainforest
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
    templates: pd.DataFrame | None
    pseudo: pd.DataFrame | None = None
    coverage: Coverage = NOWHERE
    without_rows: tuple[str, ...] = ()

    @property
    def silent(self) -> list[str]:
        """The recordings with audio that are complete somewhere and have no row; sorted."""
        with_rows = set(self.rows["recording_id"])
        return [
            name for name in self.coverage.named(sorted(self.train.paths)) if name not in with_rows
        ]

    @property
    def labelled(self) -> pd.DataFrame:
        """`rows`, and one of species -1 for each of the `silent`, which folds hold too."""
        rest = {"recording_id": self.silent, "species_id": -1, "present": False}
        return (
            pd.concat([self.rows, pd.DataFrame(rest)], ignore_index=True)
            if self.silent
            else self.rows
        )


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
