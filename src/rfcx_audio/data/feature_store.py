"""A store of features: those of every window of many recordings, as an encoder gave them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SETTINGS, WINDOWS, FEATURES = "settings.json", "windows.parquet", "features.npy"


class StoreError(ValueError):
    """A store of features that cannot be used, and why."""


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Features with one row a window; `rfcx-audio embed` writes such a folder.

    Attributes:
        folder: of the store.
        settings: what the features depend on beside the recordings: `encoder` (as
            `FeatureEncoder.described` has it), `window_s`, `hop_s`, `gain_db`, `sample_rate`,
            `channel`, `dtype`, …
        keys: `recording_id`, `t_min`, `t_max` (s) of each window; the windows of a recording stand
            together, in the order of time.
        features: (windows, features) float16 or float32, mapped from the disk; nothing may be
            written to it.
    """

    folder: Path
    settings: Mapping[str, Any]
    keys: pd.DataFrame
    features: np.ndarray

    @classmethod
    def open(cls, folder: str | Path) -> FeatureStore:
        """Opens a store; its features are read when they are used.

        Raises:
            StoreError: the folder is no finished store, a file of it is broken, or they do not fit
                together.
        """
        folder = Path(folder)
        missing = [name for name in (SETTINGS, WINDOWS, FEATURES) if not (folder / name).is_file()]
        if missing:
            raise StoreError(
                f"{folder} is no finished store of features: it lacks {', '.join(missing)}; "
                "rfcx-audio embed recordings=… out=… writes one, and goes on where it was stopped"
            )
        try:
            settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
            keys = pd.read_parquet(folder / WINDOWS)
            features = np.load(folder / FEATURES, mmap_mode="r")
        except (OSError, EOFError, ValueError) as error:
            raise StoreError(
                f"{folder} has a file that cannot be read: {error}; have the recordings embedded "
                "again into another folder: rfcx-audio embed recordings=… out=…"
            ) from None
        if len(features) < len(keys):
            raise StoreError(
                f"{folder / FEATURES} has {len(features)} rows, {WINDOWS} {len(keys)}; remove both "
                "and give the command that wrote them again"
            )
        # Rows beyond the keys are of a run that was killed while it joined its parts.
        return cls(folder, settings, keys, features[: len(keys)])

    @cached_property
    def places(self) -> dict[str, slice]:
        """The rows of each recording, in the order of the store."""
        names = self.keys["recording_id"].to_numpy()
        firsts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]]) if len(names) else []
        stops = [*firsts[1:], len(names)][: len(firsts)]
        return {
            str(names[first]): slice(int(first), int(stop))
            for first, stop in zip(firsts, stops, strict=True)
        }

    def of(self, recording_id: str) -> tuple[np.ndarray, np.ndarray]:
        """The windows of a recording: starts (windows,) in s, features (windows, features) float32.

        Raises:
            StoreError: there is none of that id.
        """
        if recording_id not in self.places:
            raise StoreError(f"{self.folder} has no features of {recording_id!r}")
        place = self.places[recording_id]
        starts = self.keys["t_min"].to_numpy()[place]
        return starts, np.asarray(self.features[place], dtype=np.float32)
