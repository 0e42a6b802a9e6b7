"""The scores of a head on features that are stored already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from rfcx_audio.data import FeatureStore, StoredCrops, StoreError, check_store, samples_of
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.hardware import autocast, best_precision
from rfcx_audio.scoring.gathered import RecordingScores

if TYPE_CHECKING:
    from rfcx_audio.scoring.recogniser import Recogniser

_AT_ONCE = 2**24  # features of windows that are read together


def stored_scores(
    recogniser: Recogniser, store: FeatureStore, names: Mapping[str, str] | None, with_frames: bool
) -> Iterator[tuple[str, RecordingScores]]:
    """The scores of recordings from their stored features, as `Recogniser.score` gives them.

    Args:
        recogniser: a head on features.
        store: of the same encoder.
        names: ids in the store by recording; None: all, as they are.
        with_frames: whether to return those of frames too.

    Raises:
        StoreError: the recogniser is of spectrograms, another encoder made the store, it lacks a
            recording, or windows are to be scored in several views.
    """
    frontend, windows = recogniser.frontend, recogniser.windows
    if not isinstance(frontend, EncoderFrontend):
        raise StoreError(
            "this checkpoint scores spectrograms, which a store of features does not hold; give "
            "recordings=…"
        )
    check_store(store, frontend)
    if len(recogniser.views) > 1:
        raise StoreError(
            "tta changes the sound before it is embedded, and features are stored of it as it is; "
            "leave tta at 1, or give recordings=…"
        )
    crops = StoredCrops.of(store, frontend, windows.duration_s)
    at_once = max(1, _AT_ONCE // (crops.frames * frontend.n_mels))
    names = {name: name for name in store.places} if names is None else names
    for name, there in names.items():
        if there not in store.places:
            raise StoreError(f"{store.folder} has no features of {there!r}")
        place = store.places[there]
        samples = samples_of(frontend, place.stop - place.start)
        first = place.start + np.array(windows.starts(frontend, samples))
        clips, of_frames = [], []
        with (
            torch.inference_mode(),
            autocast(recogniser.device, best_precision(recogniser.device.type)),
        ):
            for part in np.array_split(first, -(-len(first) // at_once)):
                cut = crops.cut(part, np.full(len(part), place.stop)).to(recogniser.device)
                if with_frames:
                    clip, frame = windows.clip_and_frames(recogniser.detector, cut)
                    of_frames.append(frame.cpu())
                else:
                    clip = windows.probabilities(recogniser.detector, cut)
                clips.append(clip)
            scores = recogniser.finished(torch.cat(clips)).cpu()
        starts_s = windows.starts_s(frontend, samples)
        yield name, RecordingScores(scores, starts_s, torch.cat(of_frames) if of_frames else None)
