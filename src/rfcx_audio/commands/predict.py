"""A checkpoint and recordings to scores."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from rfcx_audio.commands.calls import call_config
from rfcx_audio.commands.encoder_file import check_encoder
from rfcx_audio.commands.place_and_time import infos_of_audio
from rfcx_audio.commands.resumable import resumable
from rfcx_audio.commands.stored_scores import score_stored
from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import add_to_table, file_name, probe
from rfcx_audio.hardware import best_device
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import (
    Recogniser,
    draw_recording,
    drawn_by,
    list_recordings,
    load_recogniser,
    stretch_of,
)
from rfcx_audio.scoring.archive import RECORDINGS, Archive, score_archive
from rfcx_audio.whole_files import save_picture, write_atomically

_log = logging.getLogger(__name__)


def predict(
    checkpoint: str | Path,
    recordings: str | Path | None = None,
    *overrides: str,
    store: str | Path | None = None,
    out: str | Path | None = None,
) -> Scores:
    """Scores many recordings into a folder, as `rfcx-audio predict` does.

    A call that was interrupted goes on where it was, given the same folder.

    >>> scores = rfcx_audio.predict("best.ckpt", "audio", "tta=2", out="scores")
    >>> scores.pool("mean").frame()[["recording_id", "s0", "s1"]].shape
    (2, 3)

    Args:
        checkpoint: a `.ckpt` file, or the folder of an artefact.
        recordings: a folder, a pattern, a list (`.txt`, `.csv`) or a file, see `list_recordings`;
            None with a store.
        overrides: further ones of `conf/predict.yaml`, as on the command line.
        store: in place of recordings, for a head on features: a folder of `rfcx_audio.embed`.
        out: the folder; None: one with the time as its name, in `runs/predict/`.

    Returns:
        The scores of all windows, which also stand in `scores.parquet` of the folder; recordings
        that cannot be read are in `failures.csv`. Where and when each recording was made is in
        `recordings.csv`.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: the checkpoint cannot be used, there are no recordings, none could be read, or
            the folder was begun with other settings.
    """
    places = {"checkpoint": checkpoint, "recordings": recordings, "store": store}
    given = {key: place for key, place in places.items() if place is not None}
    folder = score(call_config("predict", overrides, out, **given))
    return Scores.read(folder / "scores.parquet")


def run(config: DictConfig) -> None:
    """The command."""
    with resumable(config.paths.output_dir):
        score(config)


def score(config: DictConfig) -> Path:
    """Scores what is left of the recordings, and writes the tables of all.

    Returns:
        The folder of the tables.

    Raises:
        ValueError: no recording can be read, or both or none of recordings and store are given.
    """
    if (config.recordings is None) == (config.store is None):
        raise ValueError("give either recordings=… (audio) or store=… (of rfcx-audio embed)")
    names = "overlap", "pool", "smooth", "tta", "flip", "pixels_at_once"
    changes = {name: config[name] for name in names} | {"encoder": config.encoder_file}
    load = partial(load_recogniser, Path(config.checkpoint).absolute(), **changes)
    if config.store is not None:
        return score_stored(config, load().to(best_device()))
    paths = list_recordings(config.recordings)
    check_encoder(load())
    infos = infos_of_audio(config, paths)
    archive = score_archive(build(config.engine), load, paths, Path(config.paths.output_dir))
    sample = None if config.sample_submission is None else Path(config.sample_submission)
    missing = archive.join({"checkpoint": str(config.checkpoint), **archive.settings}, sample)
    add_to_table(infos, archive.folder / RECORDINGS)
    if missing:
        _log.warning("%d recordings of the sample have no scores and get 0", len(missing))
    archive.check_some_kept()
    failures = archive.failures()
    if config.pictures:
        draw_missing(load(), archive)
    _log.info(
        "%d recordings scored, %d could not be read; the tables are in %s",
        len(paths) - len(failures),
        len(failures),
        archive.folder,
    )
    return archive.folder


def draw_missing(recogniser: Recogniser, archive: Archive) -> None:
    """A picture of each scored recording that has none; of a long one, of its first minute."""
    for name, table in archive.tables():
        path = archive.folder / "pictures" / f"{file_name(name)}.png"
        if not path.exists():
            duration_s = stretch_of(probe(archive.paths[name]).duration_s)[1]
            waveform = recogniser.reader.read(archive.paths[name], 0.0, duration_s)
            scores = table.to_pandas()
            end_s = len(waveform) / recogniser.reader.sample_rate
            scores = scores[scores["t_min"] < end_s]
            figure = draw_recording(drawn_by(recogniser.frontend), waveform, name, scores=scores)
            write_atomically(path, partial(save_picture, figure))
