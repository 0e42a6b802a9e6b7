"""What a cross-validation and the scores of its models will cost, from a short measurement."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, NamedTuple, cast

import pandas as pd
import pytorch_lightning as pl
import torch

from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import (
    AudioError,
    AudioReader,
    CachedReader,
    FeatureDataModule,
    RecordingDataModule,
)
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.experiment.folds import folds_of
from rfcx_audio.experiment.run import build_parts, check_processes
from rfcx_audio.method import Supervised
from rfcx_audio.scoring import Embedder, Recogniser, SlidingWindows

_log = logging.getLogger(__name__)
_WARM_UP, _STEPS = 1, 3
_SCORED_S = 60.0
_STORED = 4  # recordings of a store: they are scored in less time than one can measure


class Speed(NamedTuple):
    """What was measured on this machine.

    Attributes:
        step_s: of one training step whose recordings have been read before.
        first_read_s: of reading a recording for the first time, beyond that.
        minute_s: to score a minute of sound.
        parameters: of the network.
        embed_s: that a pretrained encoder takes for a minute of sound, where there is one.
    """

    step_s: float
    first_read_s: float
    minute_s: float
    parameters: int
    embed_s: float = 0.0


class Work(NamedTuple):
    """What there is to do.

    Attributes:
        models: one a fold.
        left: of them not yet trained.
        steps: of the training of one.
        validations: of one, of its whole held-out recordings.
        recordings: with labels.
        minutes: of sound in them.
        other_minutes: in the recordings that each model scores in the end.
        species: number.
        hop_s: from one scored window to the next.
        cached_bytes: of the decoded sound that is kept; 0 where none is.
        embedded_minutes: of `other_minutes`, of which an encoder has yet to give the features.
    """

    models: int
    left: int
    steps: int
    validations: float
    recordings: int
    minutes: float
    other_minutes: float
    species: int
    hop_s: float
    cached_bytes: float
    embedded_minutes: float = 0.0


def work_of(config: DictConfig, finished: int, other_minutes: float) -> Work:
    """The work of a recipe.

    Args:
        config: settled, with its file of folds.
        finished: models that are trained already.
        other_minutes: see `Work`.
    """
    _, data = build_parts(config)
    trainer, models = config.trainer, folds_of(data)
    epochs, every = trainer.max_epochs, trainer.check_val_every_n_epoch
    batches = _limited(data.batches_per_epoch, trainer.limit_train_batches)
    durations_s = _labelled_durations_s(data)
    held_out = max(1.0, len(durations_s) / models)
    share = _limited(held_out, trainer.limit_val_batches) / held_out
    windows = cast(SlidingWindows, data.windows)
    minutes = sum(durations_s.values()) / 60
    cached = 60 * minutes * data.reader.sample_rate * 2  # 16 bits each
    return Work(
        models=models,
        left=models - finished,
        steps=int(epochs * batches),
        validations=share * (epochs // every),
        recordings=len(durations_s),
        minutes=minutes,
        other_minutes=other_minutes,
        species=data.num_species,
        hop_s=windows.duration_s * (1 - windows.overlap),
        cached_bytes=cached if isinstance(data.reader, CachedReader) else 0.0,
    )


def measured(config: DictConfig) -> Speed:
    """Trains for a few steps and scores a minute, with a network that is then thrown away.

    Args:
        config: settled, with its file of folds.
    """
    with _quiet():
        step_s, method, data = _steps_s(config)
        first_s, is_cached = step_s, isinstance(data.reader, CachedReader)
        if is_cached:  # the same crops again, which then are read from the cache
            step_s, method, data = _steps_s(config)
    count = sum(parameter.numel() for parameter in method.parameters())
    first_read_s = max(0.0, first_s - step_s) / data.loader.batch_size
    return Speed(step_s, first_read_s, _minute_s(method, data), count)


def embedding_minute_s(config: DictConfig) -> float:
    """Seconds that a pretrained encoder takes for the features of a minute of sound.

    Args:
        config: in which the encoder is described, see `with_encoder`.
    """
    frontend = cast(EncoderFrontend, build(config.frontend))
    embedder = Embedder(AudioReader(frontend.sample_rate), frontend)
    noise = torch.rand(round(_SCORED_S * frontend.sample_rate)) - 0.5
    begun = perf_counter()
    embedder(noise)
    return perf_counter() - begun


def estimate(work: Work, speed: Speed) -> pd.DataFrame:
    """A line for each part of the work: what it is, its minutes, and its disk in MB."""
    share = work.left / work.models
    held_out_min = share * work.minutes * (work.validations + 1)
    checkpoint = speed.parameters * 4 * 3  # with the two moments of an optimizer
    row = 4 * work.species + 30  # a float a species, and the key
    windows = 60 / work.hop_s  # a minute
    lines = [
        (
            f"{work.left} of {work.models} models, {work.steps} steps of {speed.step_s:.2g} s each",
            work.left * work.steps * speed.step_s / 60,
            work.models * 2 * checkpoint,
        ),
        (
            f"{held_out_min:.0f} held-out minutes to score, {speed.minute_s:.2g} s each",
            held_out_min * speed.minute_s / 60,
            2 * work.minutes * windows * row,
        ),
        (
            f"{work.other_minutes:.0f} minutes to score by {work.models} models, "
            f"{speed.minute_s:.2g} s each",
            work.other_minutes * work.models * speed.minute_s / 60,
            work.other_minutes * windows * row * (2 * work.models + 3),
        ),
    ]
    if work.cached_bytes:
        line = f"{work.recordings} recordings to decode, unless the cache of data.reader has them"
        lines.insert(0, (line, work.recordings * speed.first_read_s / 60, work.cached_bytes))
    if work.embedded_minutes:
        line = f"{work.embedded_minutes:.0f} minutes to embed, {speed.embed_s:.2g} s each"
        lines.insert(-1, (line, work.embedded_minutes * speed.embed_s / 60, 0.0))
    table = pd.DataFrame(lines, columns=pd.Index(["work", "minutes", "disk_mb"]))
    table.loc[len(table)] = ["in all", table["minutes"].sum(), table["disk_mb"].sum()]
    return table.assign(disk_mb=table["disk_mb"] / 1e6)


class _Times(pl.Callback):
    """When the warm-up and the last step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        """Records the time."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.times.append(perf_counter())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the lines that a training logs, which are not about the one that comes."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "rfcx_audio.data")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _steps_s(config: DictConfig) -> tuple[float, Supervised, RecordingDataModule]:
    """Mean seconds of a step, and the parts that took it."""
    pl.seed_everything(config.seed, verbose=False)
    method, data = build_parts(config)
    times, begun = _Times(), perf_counter()
    trainer: pl.Trainer = build(
        config.trainer,
        max_epochs=1,
        limit_train_batches=_WARM_UP + _STEPS,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        callbacks=[times],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    check_processes(trainer, config)
    trainer.fit(method, data)
    ends = [begun, *times.times]
    ends = ends[min(_WARM_UP, len(ends) - 2) :] if len(ends) > 1 else [begun, perf_counter()]
    return (ends[-1] - ends[0]) / (len(ends) - 1), method, data


@torch.inference_mode()
def _minute_s(method: Supervised, data: RecordingDataModule) -> float:
    """Seconds to score a minute, reading included; the second time, as the first prepares much."""
    windows = cast(SlidingWindows, data.windows)
    frontend: Any = data.frontend
    recogniser = Recogniser(data.reader, frontend, method.eval(), windows, data.species)
    durations_s = _labelled_durations_s(data)
    if isinstance(data, FeatureDataModule):
        names = {name: data.names[name] for name in list(durations_s)[:_STORED]}
        scored_s = sum(durations_s[name] for name in names)
        begun = perf_counter()
        recogniser.score_store(data.store, names)
        return (perf_counter() - begun) * 60 / scored_s
    channel: Any = data.reader.channel
    reader = AudioReader(data.reader.sample_rate, channel)
    for name in sorted(durations_s, key=lambda one: -min(durations_s[one], _SCORED_S)):
        scored_s, seconds = min(durations_s[name], _SCORED_S), math.inf
        try:
            for _ in range(2):
                begun = perf_counter()
                recogniser.score(reader.read(data.corpus.train.paths[name], 0.0, scored_s))
                seconds = min(seconds, perf_counter() - begun)
        except AudioError as error:
            _log.warning("%s cannot be read, so that another is scored: %s", name, error)
            continue
        return seconds * 60 / scored_s
    raise AudioError("none of the recordings with labels can be read; the reasons are above")


def _labelled_durations_s(data: RecordingDataModule) -> dict[str, float]:
    wanted = set(data.corpus.labelled["recording_id"])
    return {name: s for name, s in data.corpus.train.durations_s.items() if name in wanted}


def _limited(number: float, limit: float | None) -> float:
    """As Lightning limits batches: a whole number is a count, a fraction a share."""
    if limit is None:
        return number
    return number * limit if isinstance(limit, float) else min(number, limit)
