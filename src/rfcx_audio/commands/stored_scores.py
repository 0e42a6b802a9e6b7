"""Scores of a head on features from a store of them, for `predict`."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from rfcx_audio.batch import Failure
from rfcx_audio.commands.place_and_time import infos_of_scores
from rfcx_audio.config import DictConfig, variant
from rfcx_audio.data import FeatureStore, add_to_table
from rfcx_audio.scoring import Recogniser
from rfcx_audio.scoring.archive import RECORDINGS
from rfcx_audio.whole_files import write_atomically

_log = logging.getLogger(__name__)
_FAILURES = "failures.csv"


def score_stored(config: DictConfig, recogniser: Recogniser) -> Path:
    """Scores all recordings of `config.store`, and writes the tables that `predict` writes.

    Args:
        config: of `conf/predict.yaml`.
        recogniser: a head on features.

    Returns:
        The folder of the tables.

    Raises:
        StoreError: the store cannot be used, or another encoder has made it.
        ValueError: pictures are asked for.
    """
    if config.pictures:
        raise ValueError("pictures=true needs the sound: give recordings=… in place of store=…")
    store = FeatureStore.open(config.store)
    scores = recogniser.score_store(store)
    folder = Path(config.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    scores = scores.with_values(scores.values, checkpoint=str(config.checkpoint))
    write_atomically(folder / "scores.parquet", scores.write)
    sample = None if config.sample_submission is None else Path(config.sample_submission)
    lines, missing = scores.pool(recogniser.windows.pool).submission(sample)
    if missing:
        _log.warning("%d recordings of the sample have no scores and get 0", len(missing))
    unread = store.folder / _FAILURES
    failures = pd.DataFrame(columns=pd.Index(Failure._fields))
    if unread.exists():
        failures = pd.read_csv(unread, dtype=str, keep_default_na=False)
    for name, table in (("submission.csv", lines), (_FAILURES, failures)):
        write_atomically(folder / name, lambda part, table=table: table.to_csv(part, index=False))
    known = store.folder / RECORDINGS
    if config.recordings_table is None and known.exists():
        config = variant(config, {"recordings_table": str(known)})
    add_to_table(infos_of_scores(config, scores, {}), folder / RECORDINGS)
    _log.info(
        "%d recordings scored from %s; the tables are in %s",
        *(len(scores.recordings), store.folder, folder),
    )
    return folder
