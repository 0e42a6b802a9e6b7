"""Recordings whose features are in a store: which they are, and their windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.data.feature_store import FeatureStore, StoreError
from rfcx_audio.data.recordings import Recordings, absolute, without_ending

NOT_STORED = "the store of features lacks it, or has one of another length"
_SAME = ("hop_s", "gain_db")
_SAME_OF_ENCODER = ("layer", "output", "peak", "module", "arguments", "sample_rate", "window_s")
"""What the same file may be used with in another way."""
_ROUNDING = 1e-9


class StoredFrontend(Protocol):
    """What is asked of the front end that a store was made with, an `EncoderFrontend`."""

    sample_rate: int
    n_fft: int
    hop_length: int

    @property
    def n_mels(self) -> int: ...  # noqa: D102
    @property
    def hop_s(self) -> float: ...  # noqa: D102
    def num_frames(self, num_samples: int, /) -> int: ...  # noqa: D102
    def settings(self) -> dict[str, Any]: ...  # noqa: D102
    def __call__(self, waveform: Tensor, /) -> Tensor: ...  # noqa: D102


def samples_of(frontend: StoredFrontend, windows: int) -> int:
    """The length of the longest recording of which a store has so many windows, in samples."""
    return (windows - 1) * frontend.hop_length + frontend.n_fft


def check_store(store: FeatureStore, frontend: StoredFrontend) -> None:
    """Refuses a store that another encoder made, or the same one in another way.

    Args:
        store: of features.
        frontend: that is expected.

    Raises:
        StoreError: it is such a store; the message has what differs.
    """
    theirs, ours = store.settings, frontend.settings()
    faults = [
        f"{name} {theirs[name]:g} in place of {ours[name]:g}"
        for name in _SAME
        if abs(theirs[name] - ours[name]) > _ROUNDING
    ]
    made, wanted = (side["encoder"].get("sha256") for side in (theirs, ours))
    if made != wanted:
        faults.insert(0, f"an encoder with the SHA-256 {made} in place of {wanted}")
    for name in _SAME_OF_ENCODER:
        made, wanted = (side["encoder"].get(name) for side in (theirs, ours))
        if made != wanted:
            faults.append(f"{name} {made} of the encoder in place of {wanted}")
    if faults:
        raise StoreError(
            f"{store.folder} was made with {'; '.join(faults)}; embed the recordings with this "
            "encoder into another folder (rfcx-audio embed), or train a head on this store"
        )


def stored_names(
    store: FeatureStore, recordings: Recordings, num_windows: Mapping[str, int]
) -> dict[str, str]:
    """What recordings are called in a store.

    A recording has the id of its file below some folder: `dawn` is `train/dawn` in a store of the
    folder above.

    Args:
        store: of features.
        recordings: to be found.
        num_windows: how many windows each of them has to have.

    Returns:
        Id in the store by recording; those that are missing are not in it, nor those whose number
        of windows or name fits another recording.
    """
    places, found = store.places, {}
    for name, path in recordings.paths.items():
        file = PurePath(without_ending(absolute(Path(path)).as_posix())).parts
        tails = ["/".join(file[-count:]) for count in range(len(file), 0, -1)]
        there = next((one for one in tails if one in places), None)
        if there is not None and places[there].stop - places[there].start == num_windows[name]:
            found[name] = there
    taken: dict[str, int] = {}
    for there in found.values():
        taken[there] = taken.get(there, 0) + 1
    return {name: there for name, there in found.items() if taken[there] == 1}


def kept(recordings: Recordings, names: Mapping[str, str], wanted: Iterable[str]) -> Recordings:
    """The recordings that have names in a store.

    Args:
        recordings: to choose from.
        names: see `stored_names`.
        wanted: recordings that become failures where they have none.
    """
    lost = [name for name in wanted if name in recordings.paths and name not in names]
    return replace(
        recordings,
        paths={name: recordings.paths[name] for name in names},
        infos={name: recordings.infos[name] for name in names},
        failures={**recordings.failures, **dict.fromkeys(lost, NOT_STORED)},
        unread={**recordings.unread, **{name: recordings.paths[name] for name in lost}},
    )


class StoredCrops(NamedTuple):
    """Cuts crops from a store, as a front end would give them.

    Behind a recording that is shorter than a crop, the windows are of silence. Of its sound padded
    with silence, the front end gives windows that hold its very end, too, which no store has.

    Attributes:
        features: (windows, features) of the store.
        frames: windows of a crop.
        silence: gives the features (features,) of a window of silence, which follows a recording
            that is shorter than a crop; called only if there is one.
    """

    features: np.ndarray
    frames: int
    silence: Callable[[], Tensor]

    @classmethod
    def of(cls, store: FeatureStore, frontend: StoredFrontend, duration_s: float) -> StoredCrops:
        """Crops of a duration.

        Args:
            store: of features.
            frontend: that it was made with.
            duration_s: of a crop.
        """

        def silence() -> Tensor:
            return frontend(torch.zeros(1, frontend.n_fft))[0, 0, :, 0]

        samples = round(duration_s * frontend.sample_rate)
        return cls(store.features, frontend.num_frames(samples), silence)

    def cut(self, first: np.ndarray, stops: np.ndarray) -> Tensor:
        """Some crops.

        Args:
            first: (crops,) int64, the window of the store that each begins with.
            stops: (crops,) int64, the window behind the last one of its recording.

        Returns:
            (crops, 1, features, frames) float32.
        """
        which = first[:, None] + np.arange(self.frames)  # (crops, frames)
        behind = which >= stops[:, None]
        taken = self.features[np.where(behind, first[:, None], which)].astype(np.float32)
        found = torch.from_numpy(taken)  # (crops, frames, features)
        if behind.any():
            found[torch.from_numpy(behind)] = self.silence()
        return found.transpose(1, 2).unsqueeze(1)
