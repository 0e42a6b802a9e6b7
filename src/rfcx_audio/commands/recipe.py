"""From labels to a model, scores, thresholds and a page: the walkthrough in one command."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rfcx_audio.commands.calls import call_config
from rfcx_audio.commands.recipe_inputs import (
    Unlabelled,
    keep_rows,
    label_keys_of,
    source_of,
    unlabelled_of,
)
from rfcx_audio.commands.recipe_report import COST, REPORT, next_commands, write_report
from rfcx_audio.commands.recipe_steps import (
    Places,
    calibrate_scores,
    correct,
    evaluate_scores,
    score,
    train_folds,
)
from rfcx_audio.config import DictConfig, parse_config
from rfcx_audio.data import Recordings, RfcxFolder
from rfcx_audio.experiment.cost import embedding_minute_s, estimate, measured, work_of
from rfcx_audio.experiment.encoders import has_encoder, with_encoder
from rfcx_audio.experiment.folds import shared_by_folds
from rfcx_audio.experiment.resume import SETTINGS, is_finished, keep_settings
from rfcx_audio.experiment.steps import Step, mark_of, state_of, take
from rfcx_audio.screen import print_line, print_table

_log = logging.getLogger(__name__)
_INTERRUPTED = 130  # the exit code of what Ctrl-C has ended
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

    A call that was interrupted goes on where it was, given the same folder.

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
    return make(call_config("recipe", overrides, out))


def run(config: DictConfig) -> None:
    """The command."""
    try:
        make(config)
    except (KeyboardInterrupt, SystemExit) as error:  # the latter is how training ends after Ctrl-C
        if isinstance(error, SystemExit) and error.code != _INTERRUPTED:
            raise
        _log.warning(
            "stopped; what is done is kept. To go on, give the same command with out=%s",
            config.paths.output_dir,
        )
        raise SystemExit(_INTERRUPTED) from None


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
    places = Places(folder, unlabelled is not None)
    keep_rows(folder, source.rows, config.data.root)
    if unlabelled is not None:
        place = parse_config(f"recordings: {json.dumps(unlabelled.place)}")
        keep_settings(place, folder / "scores")
    steps = steps_of(config, source, unlabelled, places)
    waiting = {step.folder.name for step in steps if mark_of(step.folder) is None}
    if waiting & {"folds", "scores"}:
        say_cost(config, source, unlabelled, folder)
    # Not before: what does not fit together is refused by then, and may be mended in this folder.
    keep_settings(config, folder, _LATER)
    for number, step in enumerate(steps, start=1):
        take(step, number, len(steps))
    for line in next_commands(places, unlabelled):
        print_line(f"next: {line}")
    print_line(f"report: {folder / REPORT}")
    scores = places.scores.get("calibrated")
    return Recipe(folder, folder / REPORT, tuple(places.checkpoints), places.thresholds, scores)


def steps_of(
    config: DictConfig, source: RfcxFolder, unlabelled: Unlabelled | None, places: Places
) -> list[Step]:
    """The steps in their order.

    Args:
        config: of the recipe.
        source: of its data.
        unlabelled: recordings to score, if any.
        places: of the results.
    """
    folder = places.folder
    labels = label_keys_of(config, source, folder)
    common = (config, places, labels)
    oof, scores = [places.oof], list(places.scores.values())
    names = ("folds", "scores", "calibration", "prevalence", "evaluation", "report")
    at = {name: folder / name for name in names}
    truth = [] if unlabelled is None or unlabelled.truth is None else [unlabelled.truth]
    steps = [
        Step(at["folds"], "a model a fold", lambda: "", partial(train_folds, config, at["folds"]))
    ]
    if unlabelled is not None:
        audio = list(unlabelled.paths.values())
        steps.append(
            Step(
                at["scores"],
                f"{len(audio)} recordings without labels, by every model",
                lambda: state_of([*places.checkpoints, *audio]),
                partial(score, config, places, unlabelled, at["scores"]),
            )
        )
    steps.append(
        Step(
            at["calibration"],
            "probabilities and thresholds, from the out-of-fold scores",
            lambda: state_of([*oof, *scores[:1]]),
            partial(calibrate_scores, *common, at["calibration"]),
        )
    )
    if unlabelled is not None:
        steps.append(
            Step(
                at["prevalence"],
                "how frequent each species is there (TRANSDUCTIVE)",
                lambda: state_of([*oof, *scores[:1]]),
                partial(correct, *common, unlabelled, at["prevalence"]),
            )
        )
    steps.append(
        Step(
            at["evaluation"],
            "metrics",
            lambda: state_of([*oof, *scores, places.thresholds, *truth]),
            partial(evaluate_scores, *common, unlabelled, at["evaluation"]),
        )
    )
    steps.append(
        Step(
            at["report"],
            f"the page, {folder / REPORT}",
            lambda: state_of([one.folder / "step.json" for one in steps[:-1]]),
            partial(write_report, places, source, unlabelled, folder.name, at["report"]),
        )
    )
    return steps


def say_cost(
    config: DictConfig, source: RfcxFolder, unlabelled: Unlabelled | None, folder: Path
) -> None:
    """Measures for some seconds what the rest will cost, prints it, and writes `cost.csv`.

    Features that have to be computed first are announced and computed before: the rest cannot be
    measured without them.

    Args:
        config: of the recipe.
        source: of its data.
        unlabelled: recordings to score, if any.
        folder: of the recipe.
    """
    minutes = _minutes({} if unlabelled is None else unlabelled.paths)
    _log.info("measuring for some seconds what it will cost")
    embed_s = 0.0
    if has_encoder(config):
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
    table = estimate(work_of(settled, finished, minutes), speed)
    table.to_csv(folder / COST, index=False)
    title = (
        "an estimate of what is left, from a few steps and a minute of sound on this machine; "
        "calibration, prevalence and the page take a minute or so more"
    )
    shown = {name: [f"{value:.1f}" for value in table[name]] for name in ("minutes", "disk_mb")}
    print_table(table.assign(**shown), title)


def _minutes(paths: Mapping[str, Path]) -> float:
    return sum(Recordings.probe(dict(paths)).durations_s.values()) / 60
