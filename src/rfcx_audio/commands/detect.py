"""Scores, or a checkpoint and recordings, to events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from rfcx_audio.archive import list_recordings
from rfcx_audio.batch import Failure
from rfcx_audio.config import DictConfig
from rfcx_audio.data import Recordings, inside, read_annotations
from rfcx_audio.events import describe_events, find_events, write_events
from rfcx_audio.experiment import Scored, score_recordings
from rfcx_audio.inference import load_recogniser
from rfcx_audio.scores import Scores

_log = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """The command."""
    recordings = recordings_of(config)
    scored = scores_of(config, recordings)
    if recordings.paths:
        check_recordings(scored.scores, recordings)
    settings = (config.high, config.low, config.merge_gap_s, config.min_duration_s)
    found = find_events(scored.scores, scored.frames, *settings)
    rows, names = species_of(config, len(scored.scores.species), recordings.nyquist_hz)
    if recordings.paths:
        found = inside(found, recordings.durations_s)
    else:
        _log.warning("Raven's tables name files and their lengths: give recordings=… to have them")
    events = describe_events(found, rows, names, recordings.nyquist_hz)
    folder = Path(config.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_events(events, recordings.paths, recordings.durations_s, folder)
    pd.DataFrame(scored.failures, columns=pd.Index(Failure._fields)).to_csv(
        folder / "failures.csv", index=False
    )
    _log.info(
        "%d events of %d species in %d of %d recordings; the tables are in %s",
        len(events),
        events["species_id"].nunique(),
        events["recording_id"].nunique(),
        len(scored.scores.recordings),
        folder,
    )


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


def scores_of(config: DictConfig, recordings: Recordings) -> Scored:
    """Scores as they were written, or those of a checkpoint; frames if its head has several."""
    if config.checkpoint is None:
        return Scored(Scores.read(config.scores), [], {})
    recogniser = load_recogniser(config.checkpoint)
    recogniser.to("cuda" if torch.cuda.is_available() else "cpu")
    scored = score_recordings(recogniser, recordings.paths, with_frames=True)
    failures = [Failure(*item) for item in recordings.failures.items()] + scored.failures
    frames = {name: one for name, one in scored.frames.items() if one.scores.shape[1] > 1}
    return Scored(scored.scores, failures, frames)


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
    config: DictConfig, num_species: int, f_max: float
) -> tuple[pd.DataFrame, Mapping[int, str]]:
    """Boxes of the species, up to `f_max` (Hz) where the labels have no frequency, and names."""
    if config.labels is None:
        _log.warning("without labels=… the species have no bands: events reach up to %g Hz", f_max)
        return pd.DataFrame(
            columns=["species_id", "songtype_id", "f_min", "f_max"], dtype=float
        ), {}
    annotations = read_annotations(config.labels, num_species, config.species, f_max=f_max)
    return annotations.rows, annotations.names
