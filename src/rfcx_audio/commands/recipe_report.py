"""The content of a recipe's page: every table and picture, and how to read it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from rfcx_audio.commands.prevalence import UNCERTAIN, read_prevalence
from rfcx_audio.commands.recipe_examples import draw_held_out, draw_highest
from rfcx_audio.commands.recipe_inputs import Material
from rfcx_audio.commands.recipe_page import (
    Section,
    commands,
    page,
    paragraph,
    picture,
    table,
    warning,
)
from rfcx_audio.commands.recipe_steps import FAILURES
from rfcx_audio.experiment import with_spread
from rfcx_audio.experiment.encoders import has_encoder
from rfcx_audio.experiment.steps import mark_of
from rfcx_audio.scores import Scores, uncertain_species
from rfcx_audio.scoring import load_recogniser
from rfcx_audio.versions import versions
from rfcx_audio.whole_files import write_atomically

REPORT, COST = "report.html", "cost.csv"
_TAKEN = pd.Index(["folder", "minutes"])
_SHOWN = ["species", "threshold", "low", "high", "precision", "recall", "reason"]


def write_report(material: Material, folder: Path) -> None:
    """Draws examples into a folder, and writes the page beside it.

    Args:
        material: of the recipe, whose other steps are finished.
        folder: for the pictures.
    """
    unlabelled = material.unlabelled
    recogniser = load_recogniser(material.checkpoints[0])
    oof, audio = Scores.read(material.oof), material.audio
    held_out = draw_held_out(recogniser, oof, material.source.rows, audio, folder)
    highest = folder / "highest.png"
    calibrated = material.scores.get("calibrated")
    drawn = (oof, audio) if calibrated is None else (Scores.read(calibrated), unlabelled.paths)
    draw_highest(recogniser, *drawn, highest)
    sections = [
        _summary(material),
        _next(material),
        _validation(material),
        _thresholds(material),
        _sounds(held_out, highest),
        *([_unlabelled(material)] if unlabelled.paths else []),
        *([] if unlabelled.truth is None else [_truth(material)]),
        _work(material),
    ]
    text = page(material.folder.resolve().name, sections)
    write_atomically(material.folder / REPORT, lambda part: part.write_text(text, encoding="utf-8"))


def next_commands(material: Material) -> list[str]:
    """The commands that come after a recipe: events, and the same of new recordings."""
    quoted = partial(map, lambda path: shlex.quote(str(path)))
    lines, (thresholds,) = [], quoted([material.thresholds])
    unlabelled = material.unlabelled
    if unlabelled.paths:
        scores, place, out = quoted(
            [material.scores["calibrated"], unlabelled.place, material.folder / "detections"]
        )
        given = f"recordings={place}"
        if unlabelled.labelled:
            given = f"recordings={shlex.quote(str(material.folder / 'scores' / 'unlabelled.csv'))}"
        lines.append(f"rfcx-audio detect scores={scores} {given} thresholds={thresholds} out={out}")
    models = ",".join(str(path) for path in material.checkpoints)
    return [
        *lines,
        f"rfcx-audio ensemble {shlex.quote(f'scores=[{models}]')} recordings=… out=new",
        f"rfcx-audio detect scores=new/scores.parquet recordings=… thresholds={thresholds}",
    ]


def student_command(material: Material) -> str:
    """How a small network learns from the models of a recipe."""
    models = ",".join(str(path) for path in material.checkpoints)
    return (
        f"rfcx-audio relabel data=… data.root={shlex.quote(str(material.source.root))} "
        f"labelling=soft {shlex.quote(f'teachers=[{models}]')} model=tiny loss=weak_negatives "
        "data.crops.pseudo_share=0.8 data.crops.soft.power=1 "
        f"data.crops.crops_per_epoch={4 * material.config.data.crops.crops_per_epoch} out=small"
    )


def _summary(material: Material) -> Section:
    source = material.source
    rows, models = source.rows, len(material.checkpoints)
    present = int(rows["present"].sum())
    measures = with_spread(pd.read_csv(material.folder / "folds" / "folds.csv")).set_index("fold")
    found = measures.get("val/auc_unlabelled", pd.Series(dtype=float))
    measured = f"; val/auc_unlabelled {found['mean']:.3f}, of 1" if len(found) else ""
    text = (
        f"{source.num_species} species; {len(rows)} rows on {rows['recording_id'].nunique()} "
        f"recordings of {source.root}, {present} of a presence and {len(rows) - present} of an "
        f"absence; {models} models, each of which left out 1/{models} of the recordings{measured}."
    )
    return Section("Labels and models", [paragraph(text)])


def _next(material: Material) -> Section:
    lines = next_commands(material)
    parts = []
    if material.unlabelled.paths:
        parts = [
            paragraph("Events of the scored recordings, for Raven, Audacity and spreadsheets:"),
            commands(lines[0]),
        ]
    parts += [
        paragraph("The same of other recordings, by all models together:"),
        commands(*lines[-2:]),
    ]
    if not has_encoder(material.config):
        parts += [
            paragraph(
                "A small network that learns from these models costs a fraction of them to score "
                "with. On real calls, with scale=laptop, one that drew four times the crops of "
                "each was better than they are. With the data=… and scale=… of this recipe:"
            ),
            commands(student_command(material)),
        ]
    return Section("What to do next", parts)


def _validation(material: Material) -> Section:
    folder = material.folder / "evaluation" / "out_of_fold"
    folds = with_spread(pd.read_csv(material.folder / "folds" / "folds.csv"))
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


def _thresholds(material: Material) -> Section:
    found = _by_species(material.thresholds)
    parts = [
        paragraph(
            "Fitted on the out-of-fold scores. Above its threshold, the labelled windows of a "
            "species have the precision of the table; low and high are 95 % limits of the "
            "threshold. The labelled windows are not drawn at random from the recordings, so in "
            "these the precision is another one: check some detections."
        ),
        table(found[[name for name in _SHOWN if name in found]]),
        picture(
            material.folder / "calibration" / "reliability.png",
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


def _unlabelled(material: Material) -> Section:
    folder, unlabelled = material.folder / "prevalence", material.unlabelled
    failed = len(pd.read_csv(material.folder / "scores" / FAILURES))
    estimates = folder / "prevalence.csv"
    found = _by_species(estimates)
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
    names = found["species"].tolist()
    if uncertain := uncertain_species(read_prevalence(str(estimates), names), names):
        parts.insert(2, warning(UNCERTAIN.format(", ".join(uncertain))))
    return Section("Recordings without labels", parts)


def _truth(material: Material) -> Section:
    folder = material.folder / "evaluation"
    return Section(
        "Compared with complete truth",
        [
            paragraph(
                f"Every call of the scored recordings is known ({material.unlabelled.truth}). It "
                "was used for these numbers only, after all else was done."
            ),
            table(pd.read_csv(folder / "metrics.csv")),
            paragraph("Calibrated scores, by species, and detections at the thresholds:"),
            table(_by_species(folder / "truth" / "species.csv")),
            table(_by_species(folder / "truth" / "precision_recall.csv")),
            picture(folder / "prevalence.png", "Estimated prevalence beside the true one"),
        ],
    )


def _work(material: Material) -> Section:
    finished = sorted(material.folder.glob("*/step.json"), key=lambda path: path.stat().st_mtime)
    taken = [(path.parent.name, (mark_of(path.parent) or {})["seconds"]) for path in finished]
    parts = [
        paragraph("The folder of each step, and the minutes of the last call that took it:"),
        table(pd.DataFrame([(name, float(s) / 60) for name, s in taken], columns=_TAKEN)),
    ]
    if (material.folder / COST).exists():
        parts += [
            paragraph("The estimate at the start of the last call that had to train or score:"),
            table(pd.read_csv(material.folder / COST)),
        ]
    made_by = versions(("rfcx-audio", "torch"))
    names = ", ".join(f"{name} {number}" for name, number in made_by.items())
    parts.append(paragraph(f"Made by {names}. settings.yaml has every setting."))
    return Section("What was done", parts)


def _by_species(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"species": str}, keep_default_na=False, na_values=[""])
