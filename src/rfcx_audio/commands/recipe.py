"""From labels to a model, scores, thresholds and a page: the walkthrough in one command."""

from __future__ import annotations

import json
import logging
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from rfcx_audio.commands.calls import call_config
from rfcx_audio.commands.recipe_inputs import (
    Material,
    source_of,
    unlabelled_of,
)
from rfcx_audio.commands.recipe_report import COST, REPORT, next_commands, write_report
from rfcx_audio.commands.recipe_steps import (
    calibrate_scores,
    correct,
    evaluate_scores,
    not_stored,
    score,
    train_folds,
)
from rfcx_audio.commands.resumable import resumable
from rfcx_audio.config import DictConfig, parse_config, variant
from rfcx_audio.data import Recordings, few
from rfcx_audio.experiment.cost import embedding_minute_s, estimate, measured, work_of
from rfcx_audio.experiment.encoders import has_encoder, with_encoder
from rfcx_audio.experiment.folds import (
    folds_of,
    held_out_recordings,
    load_data,
    shared_by_folds,
)
from rfcx_audio.experiment.resume import SETTINGS, is_finished, keep_labels, keep_settings
from rfcx_audio.experiment.steps import MARK, Step, mark_of, take
from rfcx_audio.screen import print_line, print_table

_log = logging.getLogger(__name__)
_LATER = ("recordings", "complete_labels")  # may be given when the models are trained


class Recipe(NamedTuple):
    """What a recipe has left.

    Attributes:
        folder: of everything.
        report: the page.
        checkpoints: of the folds' models, for `rfcx_audio.load`.
        thresholds: of the species, for `rfcx_audio.detect`.
        scores: calibrated, of the recordings without labels; None where none were scored.
    """

    folder: Path
    report: Path
    checkpoints: tuple[Path, ...]
    thresholds: Path
    scores: Path | None


def recipe(*overrides: str, out: str | Path | None = None) -> Recipe:
    """From labels to a model, scores, thresholds and a page, as `rfcx-audio recipe` does.

    A call that was interrupted goes on where it was, given the same folder. Tables are not printed.

    >>> made = rfcx_audio.recipe(
    ...     "data=rfcx", "data.root=rfcx", "recordings=audio", "scale=laptop",
    ...     "trainer.max_epochs=1", "data.crops.crops_per_epoch=16", "data.folds.num_folds=2",
    ...     "callbacks.progress.refresh_rate=0", out="runs/mine",
    ... )
    >>> made.report.name, len(made.checkpoints)
    ('report.html', 2)
    >>> rfcx_audio.Scores.read(made.scores).recordings
    ['dawn', 'dusk']

    Args:
        overrides: of `conf/recipe.yaml`, as on the command line.
        out: folder of all results; None: one with the time as its name, in `runs/recipe/`.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: the data cannot be used, or the folder was begun with other settings or labels.
    """
    with redirect_stdout(StringIO()):  # the tables of all steps are in the folder and on the page
        return make(call_config("recipe", overrides, out))


def run(config: DictConfig) -> None:
    """The command."""
    with resumable(config.paths.output_dir):
        make(config)


def make(config: DictConfig) -> Recipe:
    """Takes all steps that are not finished.

    Args:
        config: of `conf/recipe.yaml`.

    Raises:
        ValueError: the data cannot be used, or the folder was begun with other settings or labels.
    """
    folder = Path(config.paths.output_dir)
    if not 0 < config.precision <= 1:
        raise ValueError(f"precision={config.precision} lies outside ]0, 1]")
    if (folder / SETTINGS).exists():  # before the recordings are looked at
        keep_settings(config, folder, _LATER)
    source = source_of(config)
    unlabelled = unlabelled_of(config, source)
    material = Material(config, source, unlabelled, folder)
    keep_labels(folder, source.load(), source.species.names, config.data.root)
    if unlabelled.paths:
        place = parse_config(f"recordings: {json.dumps(unlabelled.place)}")
        keep_settings(place, folder / "scores")
    steps = steps_of(material)
    waiting = {step.folder.name for step in steps if mark_of(step.folder) is None}
    if "folds" in waiting:
        check_teachers(config, folder / "folds")
    if waiting & {"folds", "scores"}:
        print_cost(material)
    # Not before: what does not fit together is refused by then, and may be mended in this folder.
    keep_settings(config, folder, _LATER)
    for number, step in enumerate(steps, start=1):
        take(step, number, len(steps))
    for line in next_commands(material):
        print_line(f"next: {line}")
    print_line(f"report: {folder / REPORT}")
    checkpoints, scores = tuple(material.checkpoints), material.scores.get("calibrated")
    return Recipe(folder, folder / REPORT, checkpoints, material.thresholds, scores)


def check_teachers(config: DictConfig, folder: Path) -> None:
    """Refuses pseudo-labels by teachers that saw the labels: no score would be out of fold.

    Args:
        config: of the recipe.
        folder: of the folds.

    Raises:
        ValueError: a teacher saw labels of some recordings.
    """
    given = [key for key in ("pseudo_rows", "soft_labels") if config.data[key] is not None]
    if not given:
        return
    shared = shared_by_folds(config, folder)
    for fold in range(folds_of(load_data(shared))):
        data = load_data(variant(shared, {"data.folds.held_out": fold}))
        saw = sorted(set(data.teachers_saw) & set(held_out_recordings(data, fold)))
        if saw:
            raise ValueError(
                f"the teachers of data.{given[0]} saw the labels of recordings of fold {fold} "
                f"({few(saw)}), so that calibration, thresholds and prevalence would be fitted on "
                "scores that are not out of fold. Leave it out, or train and score alone: "
                "rfcx-audio crossval"
            )


def steps_of(material: Material) -> list[Step]:
    """The steps in their order; without recordings to score, fewer."""
    raw, oof, audio = material.raw, material.oof, material.unlabelled.paths
    truth, thresholds = material.unlabelled.truth, material.thresholds
    planned = {
        "folds": ("a model a fold", list, train_folds),
        "scores": (
            f"{len(audio)} recordings without labels, by every model",
            lambda: [*material.checkpoints, *audio.values()],
            score,
        ),
        "calibration": (
            "probabilities and thresholds, from the out-of-fold scores",
            lambda: [oof, *raw],
            calibrate_scores,
        ),
        "prevalence": (
            "how frequent each species is there (TRANSDUCTIVE)",
            lambda: [oof, *raw],
            correct,
        ),
        "evaluation": (
            "metrics",
            lambda: [oof, *material.scores.values(), thresholds, *([truth] if truth else [])],
            evaluate_scores,
        ),
        "report": (
            "the page",
            lambda: [step.folder / MARK for step in steps[:-1]],
            write_report,
        ),
    }
    steps = [
        Step(material.folder / name, what, made_of, partial(work, material))
        for name, (what, made_of, work) in planned.items()
        if audio or name not in ("scores", "prevalence")
    ]
    return steps


def print_cost(material: Material) -> None:
    """Measures for some seconds what the rest will cost, prints it, and writes `cost.csv`.

    Features that have to be computed first are announced and computed before: the rest cannot be
    measured without them.
    """
    config, source, folder = material.config, material.source, material.folder
    durations_s = Recordings.probe(dict(material.unlabelled.paths)).durations_s
    minutes, new = sum(durations_s.values()) / 60, dict[str, Path]()
    if has_encoder(config):
        new = not_stored(config.data.store, material.unlabelled.paths)
    _log.info("measuring for some seconds what it will cost")
    embed_s = 0.0
    if new or (has_encoder(config) and config.data.store is None):
        embed_s = embedding_minute_s(with_encoder(config))
        if config.data.store is None:
            names = set(source.rows["recording_id"])
            first = sum(s for name, s in source.recordings.durations_s.items() if name in names)
            print_line(
                f"an estimate: the features of {first / 60:.1f} minutes with labels come first, "
                f"{embed_s:.2g} s each: {embed_s * first / 3600:.1f} minutes"
            )
    settled = shared_by_folds(config, folder / "folds")
    finished = sum(is_finished(place) for place in (folder / "folds").glob("fold_*"))
    speed = measured(settled)._replace(embed_s=embed_s)
    embedded = sum(s for name, s in durations_s.items() if name in new) / 60
    work = work_of(settled, finished, minutes)._replace(embedded_minutes=embedded)
    table = estimate(work, speed)
    table.to_csv(folder / COST, index=False)
    title = (
        "an estimate of what is left, from a few steps and a minute of sound on this machine; "
        "calibration, prevalence and the page take a minute or so more"
    )
    shown = {name: [f"{value:.1f}" for value in table[name]] for name in ("minutes", "disk_mb")}
    print_table(table.assign(**shown), title)
    total = table.iloc[-1]
    _log.info("an estimate: %.0f minutes, %.0f MB in all", total["minutes"], total["disk_mb"])
