"""The scores of whole recordings, for validation and test."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from rfcx_audio.batch import WindowBatch
from rfcx_audio.data import AudioError, RecordingDataModule
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring import Recogniser

if TYPE_CHECKING:
    from rfcx_audio.method.supervised import Supervised

_log = logging.getLogger(__name__)


def scores_of(batch: WindowBatch, method: Supervised) -> Tensor | None:
    """The scores of a batch's windows; a long recording is read and scored block by block.

    Args:
        batch: of whole recordings.
        method: with the network; its trainer's data module reads long recordings.

    Returns:
        (windows, species) in [0, 1]; None if nothing could be read.
    """
    if batch.long is None:
        if not batch.counts:
            return None
        return method.windows.scores(method.model, batch.spectrogram, batch.counts)
    data = cast(RecordingDataModule, cast(Any, method.trainer).datamodule)
    frontend = cast(LogMel, data.frontend).to(method.device)
    recogniser = Recogniser(data.reader, frontend, method.model, method.windows, data.species)
    try:
        return recogniser(batch.long)[0]
    except AudioError as error:
        _log.warning("left out %s: %s", batch.recording_ids[0], error)
        data.failures.setdefault(batch.recording_ids[0], str(error))
        return None
