"""The features of a run's recordings, made first where there is no store of them."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import cast

from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import AudioReader, RfcxFolder
from rfcx_audio.encoders import EncoderFrontend
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
    if not has_encoder(config) or config.data.store is not None:
        return config
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


def recordings_of(source: RfcxFolder) -> dict[str, Path]:
    """The recordings that a run reads: with rows or complete truth, for training and for the test.

    Returns:
        Audio files by recording.
    """
    corpus = source.load()
    wanted = set(corpus.labelled["recording_id"])
    if corpus.pseudo is not None:
        wanted |= set(corpus.pseudo["recording_id"])
    found = {name: path for name, path in corpus.train.paths.items() if name in wanted}
    return found | ({} if corpus.test is None else corpus.test.paths)
