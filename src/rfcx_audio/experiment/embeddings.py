"""The features of a run's recordings, made first where there is no store of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import AudioReader, Corpus, FeatureStore, Pasting, RfcxFolder, embed_pasted
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
    source = cast(RfcxFolder, build(config.data.source))
    if config.data.store is None:
        config = _embedded(config, source, folder)
    if config.data.pasted is not None and config.data.crops.supervision != "truth":
        _paste(config, source)
    return config


def _embedded(config: DictConfig, source: RfcxFolder, folder: Path) -> DictConfig:
    paths = recordings_of(source)
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


def _paste(config: DictConfig, source: RfcxFolder) -> None:
    """Adds to the store the windows with pasted calls that it lacks.

    Raises:
        EncoderFileError: there are such, and the encoder's file cannot be used.
    """
    corpus, store = source.load(), FeatureStore.open(config.data.store)
    usable = corpus.usable
    rows = usable[usable["present"] & usable["recording_id"].isin(list(corpus.train.paths))]
    # Sound without rows is no background: it is in no fold, so none is trained on.
    infos = {name: corpus.train.infos[name] for name in _with_labels(corpus)}
    recordings = replace(corpus.train, infos=infos)
    reader = AudioReader(config.data.reader.sample_rate, config.data.reader.channel)
    frontend = cast(EncoderFrontend, build(config.frontend))
    pasting = cast(Pasting, build(config.data.pasted))
    try:
        added = embed_pasted(
            *(store, rows, source.species.names, recordings, reader, frontend, pasting.per_row)
        )
    except EncoderFileError as error:
        raise EncoderFileError(
            f"{error}; it is needed for calls pasted onto other sound, which are part of the "
            "training; data.pasted=null does without"
        ) from None
    if added:
        _log.info(
            "%d windows with the calls of %d rows pasted onto other sound are in %s",
            *(added, len(rows), store.folder),
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
