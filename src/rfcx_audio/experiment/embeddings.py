"""The features of a run's recordings, made first where there is no store of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import (
    AudioReader,
    Corpus,
    FeatureDataModule,
    Pasting,
    RfcxFolder,
    embed_pasted,
)
from rfcx_audio.encoders import EncoderFileError, EncoderFrontend
from rfcx_audio.experiment.encoders import has_encoder
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.archive import LocalEngine, embed_archive

_log = logging.getLogger(__name__)
EMBEDDINGS = "embeddings"


def with_store(config: DictConfig, folder: Path) -> DictConfig:
    """A configuration with a store of features: the given one, else one that is made now.

    Args:
        config: settled.
        folder: receives the store in `embeddings`, where one that is not finished is gone on with.

    Raises:
        AnnotationError: the tables cannot be used.
        EncoderFileError: the encoder's file cannot be used.
        ArchiveError: the folder has features of other recordings or settings.
    """
    if not has_encoder(config):
        return config
    if config.data.store is None:
        config = _embedded(config, folder)
    if config.data.pasted is not None and config.data.crops.supervision != "truth":
        _paste(config)
    return config


def _embedded(config: DictConfig, folder: Path) -> DictConfig:
    paths = recordings_of(cast(RfcxFolder, build(config.data.source)))
    place = folder / EMBEDDINGS
    _log.info(
        "%d recordings with labels are embedded into %s first; other runs on them need not do it: "
        "model=features data.store=%s",
        *(len(paths), place, place),
    )
    reader = AudioReader(config.data.reader.sample_rate, config.data.reader.channel)
    load = partial(Embedder, reader, cast(EncoderFrontend, build(config.frontend)))
    growing = embed_archive(LocalEngine(), load, paths, place)
    store = growing.join()
    growing.check_some_kept()
    _log.info("%d windows of %d recordings", len(store.keys), len(store.places))
    return variant(config, {"data.store": str(place)})


def _paste(config: DictConfig) -> None:
    """Adds to the store the windows with pasted calls that it lacks.

    Raises:
        EncoderFileError: there are such, and the encoder's file cannot be used.
        StoreError: another encoder has made the store.
    """
    data = cast(FeatureDataModule, build(config.data.module))
    corpus, pasting = data.corpus, cast(Pasting, data.pasting)
    rows = corpus.usable
    if config.data.rows_per_species is not None:  # the others are not trained on
        rows = data.train_rows[~data.train_rows["pseudo"]]
    rows = rows[rows["present"]]
    # Sound without rows is no background: it is in no fold, so none is trained on.
    infos = {name: corpus.train.infos[name] for name in _with_labels(corpus)}
    recordings = replace(corpus.train, infos=infos)
    parts = (recordings, data.reader, data.encoder_frontend, pasting.per_row)
    try:
        added = embed_pasted(data.store, rows, data.species, *parts)
    except EncoderFileError as error:
        raise EncoderFileError(
            f"{error}; it is needed for calls pasted onto other sound, which are part of the "
            "training; data.pasted=null does without"
        ) from None
    if added:
        _log.info(
            "%d windows with the calls of %d rows pasted onto other sound are in %s",
            *(added, len(rows), data.store.folder),
        )


def recordings_of(source: RfcxFolder) -> dict[str, Path]:
    """The recordings that a run reads: with rows or complete truth, for training and for the test.

    Returns:
        Audio files by recording.
    """
    corpus = source.load()
    found = {name: corpus.train.paths[name] for name in _with_labels(corpus)}
    return found | ({} if corpus.test is None else corpus.test.paths)


def _with_labels(corpus: Corpus) -> list[str]:
    """The recordings to train on that have rows, pseudo rows among them."""
    wanted = set(corpus.labelled["recording_id"])
    if corpus.pseudo is not None:
        wanted |= set(corpus.pseudo["recording_id"])
    return [name for name in corpus.train.paths if name in wanted]
