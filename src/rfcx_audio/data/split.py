"""The rows of a corpus, split into those to train on and those to validate on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from rfcx_audio.data.coverage import NOWHERE, Coverage
from rfcx_audio.data.folds import Folds
from rfcx_audio.data.pseudo import add_pseudo_rows
from rfcx_audio.data.sampler import ANY_SPECIES
from rfcx_audio.data.source import Corpus
from rfcx_audio.data.teachers import seen_folds


@dataclass(frozen=True)
class Split:
    """Rows with audio by their part in training; no recording is in both parts.

    Attributes:
        corpus: that is split.
        folds: which recordings are held out.
        train_rows: of the other recordings, with the pseudo rows there; `pseudo` marks those.
        val_rows: of the recordings that are held out.
        set_aside: pseudo rows that are not trained on, see `add_pseudo_rows`.
    """

    corpus: Corpus
    folds: Folds
    train_rows: pd.DataFrame
    val_rows: pd.DataFrame
    set_aside: pd.DataFrame

    @classmethod
    def of(cls, corpus: Corpus, folds: Folds) -> Split:
        """Splits the usable rows of a corpus, and adds its pseudo rows to those to train on.

        Raises:
            ValueError: a few rows are to be drawn where a species without a row is absent.
        """
        if folds.rows_per_species is not None and corpus.coverage:
            raise ValueError(
                f"data.rows_per_species={folds.rows_per_species} with recordings that are marked "
                "as complete: calls whose rows are not drawn would be trained on as absent; set "
                "data.source.complete=null, or data.rows_per_species=null"
            )
        # Writes the fold file over all rows, with or without audio: later audio keeps its fold.
        folds.table(corpus.labelled)
        train_rows, val_rows = folds.split(corpus.usable)
        if corpus.pseudo is None:
            return cls(corpus, folds, train_rows.assign(pseudo=False), val_rows, pd.DataFrame())
        held_in = training_recordings(corpus, folds)
        pseudo = corpus.pseudo[corpus.pseudo["recording_id"].isin(held_in)]
        train_rows, set_aside = add_pseudo_rows(train_rows, pseudo, corpus.coverage)
        return cls(corpus, folds, train_rows, val_rows, set_aside)

    @cached_property
    def coverage(self) -> Coverage:
        """Where the recordings to train on are complete, span by span."""
        if not self.corpus.coverage:
            return NOWHERE
        durations_s = self.corpus.train.durations_s
        held_in = training_recordings(self.corpus, self.folds)
        return self.corpus.coverage.within({name: durations_s[name] for name in held_in})

    @property
    def teachers_saw(self) -> list[str]:
        """The recordings whose labels the teachers of the pseudo rows learned from, sorted."""
        pseudo = self.train_rows[self.train_rows["pseudo"]]
        if pseudo.empty:
            return []
        folds = self.folds.table(self.corpus.labelled)
        return sorted(folds.loc[folds["fold"].isin(seen_folds(pseudo, folds)), "recording_id"])

    @cached_property
    def places(self) -> pd.DataFrame:
        """What crops are cut around: the rows to train on, then the spans of `coverage`."""
        columns = ["recording_id", "t_min", "t_max", "species_id", "present", "pseudo"]
        spans = [(*span[:3], ANY_SPECIES, False, False) for span in self.coverage.spans]
        if not spans:
            return self.train_rows
        of_spans = pd.DataFrame(spans, columns=pd.Index(columns))
        return pd.concat([self.train_rows[columns], of_spans], ignore_index=True)

    @property
    def val_recordings(self) -> list[str]:
        """The recordings that are held out: with rows, or complete without one; sorted."""
        with_rows = set(self.val_rows["recording_id"])
        fold_of = self.folds.table(self.corpus.labelled).set_index("recording_id")["fold"]
        held_out = set(fold_of[fold_of == self.folds.held_out].index)
        return sorted(with_rows | (set(self.corpus.silent) & held_out))

    def check(self) -> None:
        """Checks that both parts have rows.

        Raises:
            ValueError: one side of the split has no row, and it is not that of a single recording.
        """
        count = self.folds.count(self.corpus.labelled)
        sides = {"training": list(self.train_rows.index), "validation": self.val_recordings}
        for side, found in sides.items():
            if not found and (count or side == "training"):
                raise ValueError(
                    f"no row with audio is left for {side} when fold {self.folds.held_out} of "
                    f"{count} is held out; change data.folds.held_out or add audio"
                )

    def summary(self) -> str:
        """What is used and what is left out, in a few lines."""
        usable, left_out = self.corpus.usable, self.corpus.left_out
        present = usable["present"]
        lines = [
            f"{len(usable)} of {len(self.corpus.rows)} rows are used, on "
            f"{usable['recording_id'].nunique()} recordings: "
            f"{int(present.sum())} TP, {int((~present).sum())} FP",
        ]
        for reason, rows in left_out.groupby("reason"):
            lines.append(
                f"{len(rows)} rows on {rows['recording_id'].nunique()} recordings are left out: "
                f"{reason}"
            )
        lines.append(self._held_out())
        if self.folds.rows_per_species is not None:
            lines.append(self._drawn())
        coverage = self.corpus.coverage
        if coverage:
            lines.append(
                f"{len(coverage.named(self.corpus.train.paths))} recordings are complete, in part "
                f"or whole: no row means absence there; {len(self.corpus.silent)} of them have no "
                "row at all"
            )
        if self.corpus.pseudo is not None:
            lines.append(
                f"{int(self.train_rows['pseudo'].sum())} of the rows to train on are "
                f"pseudo-labels; {len(self.set_aside)} more are set aside: real rows of their "
                "species overlap them, or every call there is known"
            )
            leaked = set(self.val_recordings) & set(self.teachers_saw)
            if leaked:
                lines.append(
                    f"their teachers saw the labels of {len(leaked)} of the "
                    f"{len(self.val_recordings)} recordings that are held out: the metrics val/… "
                    "are optimistic, and scores of these recordings no out-of-fold evidence"
                )
        return "\n".join(lines)

    def _held_out(self) -> str:
        count, wanted = self.folds.count(self.corpus.labelled), self.folds.num_folds
        if not count:
            return (
                "there is one recording: it is trained on, and nothing is validated; to see how "
                "good the model is, label a second one"
            )
        lowered = f" ({wanted} wanted, but there are {count} recordings)" if count < wanted else ""
        unused = "" if self.folds.unused is None else f", fold {self.folds.unused} is not used"
        return (
            f"fold {self.folds.held_out} of {count}{lowered} is held out{unused}: "
            f"{len(self.train_rows)} rows to train on, {len(self.val_rows)} to validate on"
        )

    def _drawn(self) -> str:
        """How many of the rows to train on are drawn."""
        wanted = self.folds.rows_per_species
        held_in = training_recordings(self.corpus, self.folds)
        all_rows = self.corpus.usable[self.corpus.usable["recording_id"].isin(held_in)]
        own = self.train_rows[~self.train_rows["pseudo"]]
        counts = []
        for present, name in ((True, "TP"), (False, "FP")):
            there, taken = (rows[rows["present"] == present] for rows in (all_rows, own))
            of_species = there["species_id"].value_counts()
            low, high = (of_species.min(), of_species.max()) if len(there) else (0, 0)
            at = f"{low}" if low == high else f"{low} to {high}"
            counts.append(f"of {at} {name} rows a species at most {wanted} ({len(taken)} in all)")
        return f"data.rows_per_species={wanted}: {', '.join(counts)} are trained on"


def training_recordings(corpus: Corpus, folds: Folds) -> set[str]:
    """The recordings with audio whose fold is trained on."""
    fold_of = folds.table(corpus.labelled).set_index("recording_id")["fold"]
    away = fold_of.isin([folds.held_out, folds.unused])
    return set(fold_of[~away].index) & set(corpus.train.paths)


def unlabelled_recordings(corpus: Corpus, folds: Folds) -> set[str]:
    """The recordings with audio that are in no fold: nothing is known of them."""
    return set(corpus.train.paths) - set(folds.table(corpus.labelled)["recording_id"])
