"""Scores, or a checkpoint and recordings, to events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.batch import Failure
from rfcx_audio.commands.calls import call_config
from rfcx_audio.commands.encoder_file import check_encoder
from rfcx_audio.commands.event_pictures import draw_events
from rfcx_audio.commands.place_and_time import infos_of_audio, infos_of_scores, write_summary
from rfcx_audio.config import DictConfig
from rfcx_audio.data import FrameScores, Recordings, inside, read_annotations
from rfcx_audio.events import (
    below_nyquist,
    check_formats,
    describe_events,
    find_events,
    with_clock_times,
    write_events,
)
from rfcx_audio.hardware import best_device
from rfcx_audio.scores import RAW, Scores, read_thresholds, scale_of
from rfcx_audio.scoring import Recogniser, list_recordings, load_recogniser

_log = logging.getLogger(__name__)
_ROUNDING = 1e-6  # of scores kept as float32: the score that made a threshold reaches it


def detect(
    scores: str | Path, *overrides: str, recordings: str | Path, out: str | Path | None = None
) -> pd.DataFrame:
    """Turns scores into events, as `rfcx-audio detect` does.

    >>> scores = rfcx_audio.predict("best.ckpt", "audio", out="scores")
    >>> events = rfcx_audio.detect(
    ...     "scores/scores.parquet", "high=0.9", recordings="audio", out="events"
    ... )
    >>> list(events.columns[:4])
    ['recording_id', 'species', 'species_id', 'songtype_id']

    Args:
        scores: `scores.parquet` of `predict` or `ensemble`.
        overrides: further ones of `conf/detect.yaml`, as on the command line.
        recordings: the audio, as for `predict`.
        out: the folder; None: one with the time as its name, in `runs/detect/`.

    Returns:
        One row an event, as in `events.csv` of the folder; other programs' tables stand beside it.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: scores or recordings cannot be used, or an option is out of its range.
    """
    places = {"scores": scores, "recordings": recordings}
    return write_found(call_config("detect", overrides, out, **places))


def run(config: DictConfig) -> None:
    """The command."""
    write_found(config)


def write_found(config: DictConfig) -> pd.DataFrame:
    """Finds the events of all recordings, and writes their tables.

    Raises:
        ValueError: scores or recordings cannot be used, or an option is out of its range.
    """
    if config.pictures and config.checkpoint is None:
        raise ValueError("pictures=true needs checkpoint=…, which makes the spectrograms")
    check_formats(config.formats)
    recordings = recordings_of(config)
    # Before hours of scoring, so that a fault in a table of recordings ends the command at once.
    infos = {} if config.checkpoint is None else infos_of_audio(config, recordings.paths)
    recogniser = None
    if config.checkpoint is not None:
        recogniser = load_recogniser(config.checkpoint, encoder=config.encoder_file)
        check_encoder(recogniser)
    scores, frames = scores_of(config, recordings, recogniser)
    if recordings.paths:
        check_recordings(scores, recordings)
    high, low = limits_of(config, scores)
    found = find_events(scores, frames, high, low, config.merge_gap_s, config.min_duration_s)
    rows, names = species_of(config, scores, recordings.nyquist_hz)
    infos = infos or infos_of_scores(config, scores, recordings.paths)
    found = inside(found, {name: info.duration_s or 0.0 for name, info in infos.items()})
    described = describe_events(found, rows, names, recordings.nyquist_hz)
    events = with_clock_times(below_nyquist(described, infos), infos)
    folder = Path(config.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    others = scores.metadata.get("about", {})
    left_out = write_events(events, infos, folder, config.formats, others)
    if left_out:
        _log.warning("tables for %s name audio files: give recordings=…", ", ".join(left_out))
    write_summary(events, infos, scores.recordings, folder)
    failures = {**recordings.failures, **scores.metadata.get("failures", {})}
    pd.DataFrame(list(failures.items()), columns=pd.Index(Failure._fields)).to_csv(
        folder / "failures.csv", index=False
    )
    if config.pictures and recogniser is not None:
        draw_events(events, scores, recordings, recogniser, folder / "pictures")
    _log.info(
        "%d events of %d species in %d of %d recordings; the tables are in %s",
        len(events),
        events["species_id"].nunique(),
        events["recording_id"].nunique(),
        len(scores.recordings),
        folder,
    )
    return events


def recordings_of(config: DictConfig) -> Recordings:
    """The audio, if any is given.

    Raises:
        ValueError: there is no such audio, or neither or both of scores and checkpoint are given.
    """
    if (config.scores is None) == (config.checkpoint is None):
        raise ValueError("give either scores=… or checkpoint=… recordings=…")
    if config.recordings is None:
        if config.checkpoint is not None:
            raise ValueError(
                "checkpoint=… needs recordings=…, a folder, pattern or list of audio files"
            )
        return Recordings({}, {}, {})
    recordings = Recordings.probe(list_recordings(config.recordings))
    if not recordings.infos:
        reason = next(iter(recordings.failures.values()))
        raise ValueError(f"recordings={config.recordings} cannot be used: {reason}")
    return recordings


def scores_of(
    config: DictConfig, recordings: Recordings, recogniser: Recogniser | None
) -> tuple[Scores, Mapping[str, FrameScores]]:
    """Scores as they were written, or those of a recogniser; frames if its head has several."""
    if recogniser is None:
        return Scores.read(config.scores), {}
    scores, frames = recogniser.to(best_device()).frames(recordings.paths)
    return scores, {name: one for name, one in frames.items() if one.scores.shape[1] > 1}


def limits_of(config: DictConfig, scores: Scores) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Where events begin and end: of thresholds.csv by species, or the same for all.

    Raises:
        ValueError: no recording has scores, the thresholds are not of these species, or no species
            has one.
    """
    if not len(scores.keys):
        name, reason = next(iter(scores.metadata.get("failures", {}).items()), ("none", "no row"))
        raise ValueError(f"no recording has scores; the first, {name}: {reason}")
    calibrated = scale_of(scores.metadata) != RAW
    if config.thresholds is not None:
        at = read_thresholds(config.thresholds, scores)
        missing = [name for name, one in zip(scores.species, at, strict=True) if np.isnan(one)]
        if len(missing) == len(at):
            raise ValueError(
                f"none of the species has a threshold in {config.thresholds}, whose column reason "
                "gives the cause; calibrate with a lower precision=…, or give high=… and low=…"
            )
        if missing:
            _log.warning(
                "%d species have no threshold in %s, so that none of them is detected: %s",
                *(len(missing), config.thresholds, ", ".join(missing)),
            )
        high = np.where(np.isnan(at), np.inf, np.maximum(at - _ROUNDING, 0.0))
        return high, np.where(np.isinf(high), high, config.low_share * high)
    if not calibrated:
        _log.warning(
            "the scores are not calibrated, so high=%g is no probability: give thresholds=… of "
            "rfcx-audio calibrate, or scores that it has calibrated",
            config.high,
        )
    return config.high, config.low


def check_recordings(scores: Scores, recordings: Recordings) -> None:
    """Refuses audio that lacks recordings which have scores.

    Raises:
        ValueError: it does; the first is named.
    """
    missing = sorted(set(scores.recordings) - set(recordings.infos))
    if missing:
        raise ValueError(
            f"{len(missing)} recording(s) with scores are not among the readable ones of "
            f"recordings=…, the first is {missing[0]!r}; give the folder that was scored"
        )


def species_of(
    config: DictConfig, scores: Scores, f_max: float
) -> tuple[pd.DataFrame, Mapping[int, str]]:
    """Boxes of the species: of the labels, else as the model was trained with; and their names.

    Args:
        config: of the command.
        scores: whose metadata state the bands.
        f_max: Hz, where the labels have no frequency.
    """
    names = dict(enumerate(scores.species))
    if config.labels is not None:
        annotations = read_annotations(config.labels, scores.species, config.species, f_max=f_max)
        return annotations.rows, {**names, **annotations.names}
    about = scores.metadata.get("about", {})
    bands = {n: about[name]["band"] for n, name in names.items() if "band" in about.get(name, {})}
    if len(bands) < len(names):
        _log.warning(
            "%d of %d species have no bands: their events reach up to %g Hz; labels=… gives them",
            *(len(names) - len(bands), len(names), f_max),
        )
    boxes = [(number, 1, *band) for number, band in bands.items()]
    columns = pd.Index(["species_id", "songtype_id", "f_min", "f_max"])
    return pd.DataFrame(boxes, columns=columns, dtype=float), names
