"""`python -m rfcx_audio.detect`: scores, or a checkpoint and recordings, to events."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import torch

from rfcx_audio.archive import list_recordings
from rfcx_audio.batch import Failure
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import Recordings, TableFolder, inside
from rfcx_audio.experiment import Scored, score_recordings
from rfcx_audio.inference import (
    describe_events,
    find_events,
    load_recogniser,
    read_scores,
    write_events,
)

_log = logging.getLogger(__name__)


@entry_point("detect")
def main(config: DictConfig) -> None:
    """The command."""
    recordings = recordings_of(config)
    scored = scores_of(config, recordings)
    if recordings.paths:
        check_recordings(scored.table, recordings)
    settings = (config.high, config.low, config.merge_gap_s, config.min_duration_s)
    found = find_events(scored.table, scored.frames, *settings)
    rows, names = species_of(config.labels, len(scored.table.columns) - 3, recordings.nyquist_hz)
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
        scored.table["recording_id"].nunique(),
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
    """Scores as they were written, or those of the checkpoint; frames if they tell more."""
    if config.checkpoint is None:
        return Scored(read_scores(Path(config.scores))[0], [], {})
    recogniser = load_recogniser(config.checkpoint)
    recogniser.to("cuda" if torch.cuda.is_available() else "cpu")
    scored = score_recordings(recogniser, recordings.paths, with_frames=True)
    failures = [Failure(*item) for item in recordings.failures.items()] + scored.failures
    frames = {name: told for name, told in scored.frames.items() if told.scores.shape[1] > 1}
    return Scored(scored.table, failures, frames)


def check_recordings(scores: pd.DataFrame, recordings: Recordings) -> None:
    """Refuses audio that lacks recordings which have scores.

    Raises:
        ValueError: it does; the first is named.
    """
    lacking = sorted(set(scores["recording_id"]) - set(recordings.infos))
    if lacking:
        raise ValueError(
            f"{len(lacking)} recording(s) with scores are not among the readable ones of "
            f"recordings=…, the first is {lacking[0]!r}; give the folder that was scored"
        )


def species_of(
    labels: str | None, num_species: int, f_max: float
) -> tuple[pd.DataFrame, dict[int, str]]:
    """Boxes of the species, up to `f_max` (Hz) where labels have no frequency, and their names."""
    if labels is None:
        _log.warning("without labels=… the species have no bands: events reach up to %g Hz", f_max)
        return pd.DataFrame(
            columns=["species_id", "songtype_id", "f_min", "f_max"], dtype=float
        ), {}
    source = TableFolder(labels, num_species, labels, str(Path(labels) / "species.csv"))
    rows, numbers = source.rows(f_max)
    names = {number: name for name, number in reversed(numbers.items())}
    return rows, names


if __name__ == "__main__":
    main()
