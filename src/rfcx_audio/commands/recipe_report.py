"""What the page of a recipe says: every table and picture with a sentence on how to read it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from rfcx_audio.commands.recipe_examples import draw_held_out, draw_highest
from rfcx_audio.commands.recipe_inputs import Unlabelled
from rfcx_audio.commands.recipe_page import (
    Section,
    commands,
    page,
    paragraph,
    picture,
    table,
    warning,
)
from rfcx_audio.commands.recipe_steps import FAILURES, Places
from rfcx_audio.data import RfcxFolder, TableFolder, find_recordings
from rfcx_audio.experiment import with_spread
from rfcx_audio.experiment.steps import mark_of
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import load_recogniser
from rfcx_audio.versions import versions
from rfcx_audio.whole_files import write_atomically

REPORT, COST = "report.html", "cost.csv"
_TAKEN = pd.Index(["folder", "minutes"])
_SHOWN = ["species", "threshold", "low", "high", "precision", "recall", "reason"]


def write_report(
    places: Places, source: RfcxFolder, unlabelled: Unlabelled | None, title: str, folder: Path
) -> None:
    """Draws examples into a folder, and writes the page.

    Args:
        places: of the results of the recipe, all finished.
        source: of its data.
        unlabelled: the recordings that were scored, if any.
        title: of the page.
        folder: for the pictures.
    """
    recogniser = load_recogniser(places.checkpoints[0])
    deep = isinstance(source, TableFolder)
    paths = find_recordings(source.audio, at_any_depth=deep)
    oof = Scores.read(places.oof)
    held_out = draw_held_out(recogniser, oof, source.rows, paths, folder)
    highest = folder / "highest.png"
    if unlabelled is None:
        draw_highest(recogniser, oof, paths, highest)
    else:
        draw_highest(
            recogniser, Scores.read(places.scores["calibrated"]), unlabelled.paths, highest
        )
    sections = [
        _summary(places, source),
        _next(places, unlabelled),
        _validation(places),
        _thresholds(places),
        _sounds(held_out, highest),
        *([] if unlabelled is None else [_unlabelled(places, unlabelled)]),
        *([] if unlabelled is None or unlabelled.truth is None else [_truth(places, unlabelled)]),
        _work(places),
    ]
    text = page(title, sections)
    write_atomically(places.folder / REPORT, lambda part: part.write_text(text, encoding="utf-8"))


def next_commands(places: Places, unlabelled: Unlabelled | None) -> list[str]:
    """The commands that come after a recipe: events, and the same of new recordings."""
    quoted = partial(map, lambda path: shlex.quote(str(path)))
    lines, (thresholds,) = [], quoted([places.thresholds])
    if unlabelled is not None:
        scores, place, out = quoted(
            [places.scores["calibrated"], unlabelled.place, places.folder / "detections"]
        )
        given = f"recordings={place}"
        if unlabelled.labelled:
            given = f"recordings={shlex.quote(str(places.folder / 'scores' / 'unlabelled.csv'))}"
        lines.append(f"rfcx-audio detect scores={scores} {given} thresholds={thresholds} out={out}")
    models = ",".join(str(path) for path in places.checkpoints)
    return [
        *lines,
        f"rfcx-audio ensemble {shlex.quote(f'scores=[{models}]')} recordings=… out=new",
        f"rfcx-audio detect scores=new/scores.parquet recordings=… thresholds={thresholds}",
    ]


def _summary(places: Places, source: RfcxFolder) -> Section:
    rows, models = source.rows, len(places.checkpoints)
    present = int(rows["present"].sum())
    measures = with_spread(pd.read_csv(places.folder / "folds" / "folds.csv")).set_index("fold")
    found = measures.get("val/auc_unlabelled", pd.Series(dtype=float))
    measured = f"; val/auc_unlabelled {found['mean']:.3f}, of 1" if len(found) else ""
    text = (
        f"{source.num_species} species; {len(rows)} rows on {rows['recording_id'].nunique()} "
        f"recordings of {source.root}, {present} of a presence and {len(rows) - present} of an "
        f"absence; {models} models, each of which left out 1/{models} of the recordings{measured}."
    )
    return Section("Labels and models", [paragraph(text)])


def _next(places: Places, unlabelled: Unlabelled | None) -> Section:
    lines = next_commands(places, unlabelled)
    parts = []
    if unlabelled is not None:
        parts = [
            paragraph("Events of the scored recordings, for Raven, Audacity and spreadsheets:"),
            commands(lines[0]),
        ]
    parts += [
        paragraph("The same of other recordings, by all models together:"),
        commands(*lines[-2:]),
    ]
    return Section("What to do next", parts)


def _validation(places: Places) -> Section:
    folder = places.folder / "evaluation" / "out_of_fold"
    folds = with_spread(pd.read_csv(places.folder / "folds" / "folds.csv"))
    species = _by_species(folder / "species.csv")
    return Section(
        "How well the models do on labelled recordings",
        [
            paragraph(
                "Each recording is scored by the model that was not trained on it. The labels are "
                "partial: what no row states is unknown, and counts for nothing. "
                "val/auc_unlabelled is how often a known presence scores above recordings that "
                "are not known to contain the species; 0.5 is chance."
            ),
            table(folds),
            paragraph("All folds together, by species, over labelled windows:"),
            table(species),
            picture(
                folder / "distributions.png",
                "Out-of-fold scores of each species where it is known to be present, known to be "
                "absent, and unknown; the line is the threshold",
            ),
        ],
    )


def _thresholds(places: Places) -> Section:
    found = _by_species(places.thresholds)
    parts = [
        paragraph(
            "Fitted on the out-of-fold scores. Above its threshold, the labelled windows of a "
            "species have the precision of the table; low and high are 95 % limits of the "
            "threshold. The labelled windows are not drawn at random from the recordings, so in "
            "these the precision is another one: check some detections."
        ),
        table(found[[name for name in _SHOWN if name in found]]),
        picture(
            places.folder / "calibration" / "reliability.png",
            "Share of presences among known windows by score, before and after calibration",
        ),
    ]
    without = found.loc[found["threshold"].isna(), "species"].tolist()
    if without:
        text = f"No threshold reaches the precision for: {', '.join(without)}. None is detected."
        parts.insert(1, warning(text))
    return Section("Calibration and thresholds", parts)


def _sounds(held_out: Sequence[Path], highest: Path) -> Section:
    text = "Full boxes are confirmed rows, dashed ones ruled out; below, the out-of-fold scores"
    what = "The window with the highest score of each species; is it the species?"
    parts = [picture(highest, what), *(picture(path, text) for path in held_out)]
    return Section("Sounds", parts)


def _unlabelled(places: Places, unlabelled: Unlabelled) -> Section:
    folder = places.folder / "prevalence"
    failed = len(pd.read_csv(places.folder / "scores" / FAILURES))
    found = _by_species(folder / "prevalence.csv")
    left_out = f", {len(unlabelled.labelled)} with labels left out" if unlabelled.labelled else ""
    parts = [
        paragraph(
            f"{len(unlabelled.paths)} recordings of {unlabelled.place} were scored by all models "
            f"({failed} could not be read{left_out}), and their scores averaged and calibrated."
        ),
        warning(
            "TRANSDUCTIVE: the prevalence is estimated from the scores of all of these recordings, "
            "and prevalence/scores.parquet is corrected to it, so that the scores of one depend on "
            "the others. calibration/scores.parquet is not corrected."
        ),
        table(found),
        picture(folder / "prevalence.png", "Estimated prevalence of each species, with intervals"),
    ]
    return Section("Recordings without labels", parts)


def _truth(places: Places, unlabelled: Unlabelled) -> Section:
    folder = places.folder / "evaluation"
    return Section(
        "Compared with complete truth",
        [
            paragraph(
                f"Of the scored recordings, every call is known ({unlabelled.truth}). It was read "
                "for these numbers only, after all else was done."
            ),
            table(pd.read_csv(folder / "metrics.csv")),
            paragraph("Calibrated scores, by species, and detections at the thresholds:"),
            table(_by_species(folder / "truth" / "species.csv")),
            table(_by_species(folder / "truth" / "precision_recall.csv")),
            picture(folder / "prevalence.png", "Estimated prevalence beside the true one"),
        ],
    )


def _work(places: Places) -> Section:
    finished = sorted(places.folder.glob("*/step.json"), key=lambda path: path.stat().st_mtime)
    taken = [(path.parent.name, (mark_of(path.parent) or {})["seconds"]) for path in finished]
    parts = [
        paragraph("The folder of each step, and the minutes of the last call that took it:"),
        table(pd.DataFrame([(name, float(s) / 60) for name, s in taken], columns=_TAKEN)),
    ]
    if (places.folder / COST).exists():
        parts += [
            paragraph("The estimate at the start of the last call that had to train or score:"),
            table(pd.read_csv(places.folder / COST)),
        ]
    made_by = versions(("rfcx-audio", "torch"))
    names = ", ".join(f"{name} {number}" for name, number in made_by.items())
    parts.append(paragraph(f"Made by {names}. settings.yaml has every setting."))
    return Section("What was done", parts)


def _by_species(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"species": str}, keep_default_na=False, na_values=[""])
