"""`python -m rfcx_audio.predict`: a checkpoint and recordings to scores."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.progress import track
from torch.utils.data import DataLoader

from rfcx_audio.batch import Failure
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import FileDataset, find_recordings
from rfcx_audio.inference import (
    Recogniser,
    draw_recording,
    load_recogniser,
    pool_table,
    save_picture,
    score_table,
    submission,
    write_scores,
)
from rfcx_audio.method import best_precision

_log = logging.getLogger(__name__)


def predict(
    recogniser: Recogniser, paths: dict[str, Path], pictures: Path | None = None, workers: int = 2
) -> tuple[pd.DataFrame, list[Failure]]:
    """The scores of every window of every recording.

    Args:
        recogniser: as `load_recogniser` returns it, on any device.
        paths: audio files by recording id.
        pictures: folder for one picture a recording, None for none.
        workers: processes that read audio.

    Returns:
        A table as `score_table` makes it, and the recordings that could not be read.
    """
    device = next(recogniser.parameters()).device
    loader = DataLoader(FileDataset(paths, recogniser.reader), batch_size=None, num_workers=workers)
    tables, failures = [], []
    half = best_precision(device.type) == "bf16-mixed"
    for name, waveform in track(loader, "scoring recordings", total=len(paths)):
        if isinstance(waveform, Failure):
            _log.warning("left out %s: %s", *waveform)
            failures.append(waveform)
            continue
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            scores, starts_s = recogniser(waveform.to(device))
        table = score_table(
            name, starts_s.cpu().numpy(), recogniser.windows.duration_s, scores.cpu().numpy()
        )
        tables.append(table)
        if pictures is not None:
            figure = draw_recording(
                recogniser.frontend.cpu(), np.asarray(waveform), name, scores=table
            )
            recogniser.frontend.to(device)
            save_picture(figure, pictures / f"{name}.png")
    empty = score_table("", np.empty(0), 0.0, np.empty((0, recogniser.num_species)))
    return pd.concat(tables or [empty], ignore_index=True), failures


@entry_point("predict")
def main(config: DictConfig) -> None:
    """The command."""
    recogniser = load_recogniser(config.checkpoint, config.overlap, config.pool)
    recogniser.to("cuda" if torch.cuda.is_available() else "cpu")
    folder = Path(config.paths.output_dir)
    pictures = folder / "pictures" if config.pictures else None
    table, failures = predict(recogniser, _recordings(config.recordings), pictures)
    windows = recogniser.windows
    made_with = {"checkpoint": str(config.checkpoint), "duration_s": windows.duration_s}
    made_with |= {"overlap": windows.overlap, "pool": windows.pool}
    write_scores(table, folder / "scores.parquet", made_with)
    sample = None if config.sample_submission is None else Path(config.sample_submission)
    submitted, lacking = submission(pool_table(table, windows.pool), sample)
    submitted.to_csv(folder / "submission.csv", index=False)
    pd.DataFrame(failures, columns=pd.Index(Failure._fields)).to_csv(
        folder / "failures.csv", index=False
    )
    if lacking:
        _log.warning("%d recordings of the sample have no scores and get 0", len(lacking))
    _log.info(
        "%d recordings scored, %d could not be read; the tables are in %s",
        table["recording_id"].nunique(),
        len(failures),
        folder,
    )


def _recordings(place: str) -> dict[str, Path]:
    """The audio files of a folder, or one file.

    Raises:
        ValueError: there is no such file or folder, or no audio in it.
    """
    path = Path(place)
    found = find_recordings(path) if path.is_dir() else {path.stem: path}
    if not path.exists() or not found:
        raise ValueError(f"recordings={place} is neither an audio file nor a folder with any")
    return found


if __name__ == "__main__":
    main()
