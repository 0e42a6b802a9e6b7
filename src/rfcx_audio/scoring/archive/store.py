"""Stores of features that are being written: recordings one by one, joined into one array."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd

from rfcx_audio.batch import Failure
from rfcx_audio.data.feature_store import FEATURES, WINDOWS, FeatureStore
from rfcx_audio.data.recordings import file_name
from rfcx_audio.encoders.loaded import PLACES
from rfcx_audio.scores import WINDOW
from rfcx_audio.scoring.archive.growing import (
    ArchiveError,
    GrowingFolder,
    fingerprint,
)
from rfcx_audio.scoring.archive.scorer import FileScores, Outcome
from rfcx_audio.scoring.embedder import Embedder
from rfcx_audio.versions import versions
from rfcx_audio.whole_files import write_atomically

_FORMAT = 1  # of these files; another one is not gone on with
_LIBRARIES = ("rfcx-audio", "torch", "soxr", "onnxruntime", "ai-edge-litert")
_CONTENTS = "contents.csv"
_BYTES_AT_ONCE = 2**24


def store_settings(
    embedder: Embedder, device_type: str, dtype: Literal["float16", "float32"]
) -> dict[str, Any]:
    """Everything that the features of a store depend on beside the recordings, as plain JSON."""
    return {
        **embedder.settings(),
        "dtype": dtype,
        "device": device_type,
        "precision": "32-true",  # an encoder computes as it was made to, whatever networks do
        "format": _FORMAT,
        "versions": versions(_LIBRARIES),
    }


class GrowingStore(GrowingFolder):
    """A folder that fills with the features of recordings, and is joined into a `FeatureStore`.

    `recordings/<id>.npz` holds the features of a recording until they are joined. Recordings of
    later runs are added behind those that are there. Whenever a run is killed, the rows of
    `windows.parquet` are the first rows of `features.npy`, and what is not among them is in
    `recordings/`.

    Args:
        folder: see `GrowingFolder`.
        paths: see `GrowingFolder`.
        settings: as `store_settings` returns them. Where the encoder's file lies, and the versions
            of libraries, may differ from those that the store was begun with.

    Raises:
        ArchiveError: the folder was begun with other settings, or an id had another file.
        StoreError: its files do not fit together.
    """

    def comparable(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings that must stay the same, those of the encoder each by its name."""
        encoder = {
            f"encoder.{key}": value
            for key, value in settings.get("encoder", {}).items()
            if key not in PLACES
        }
        rest = {key: value for key, value in settings.items() if key not in ("encoder", "versions")}
        return {**rest, **encoder}

    def is_kept(self, recording_id: str) -> bool:
        """Whether the recording has features."""
        return recording_id in self._joined or self._part(recording_id).exists()

    def kept_content(self, recording_id: str) -> str:
        """The fingerprint of the file that the features are of; empty if it is unknown."""
        if recording_id in self._joined:
            return self._contents.get(recording_id, "")
        with np.load(self._part(recording_id)) as part:
            return str(part["content"])

    def keep(self, recording_id: str, outcome: Outcome) -> None:
        """Writes what became of a recording.

        Raises:
            ArchiveError: the features do not fit into float16.
        """
        if isinstance(outcome, str):
            self.keep_reason(recording_id, outcome)
            return
        if not np.isfinite(outcome.scores).all():
            self.keep_reason(recording_id, "its features are no finite numbers")
            return
        with np.errstate(over="ignore"):
            features = outcome.scores.astype(self.settings["dtype"])
        if not np.isfinite(features).all():
            raise ArchiveError(
                f"{recording_id!r} has features up to {np.abs(outcome.scores).max():g}, float16 "
                "holds 65504 at most; give dtype=float32 and another folder: out=…"
            )
        content = fingerprint(self.paths[recording_id])
        columns = {"starts_s": outcome.starts_s, "features": features, "content": content}
        write_atomically(self._part(recording_id), lambda part: np.savez(part, **columns))

    def take(self, other: FeatureStore) -> int:
        """Keeps what another store has of the same files, made with the same settings.

        Args:
            other: a finished store; one of other settings has nothing to take.

        Returns:
            How many recordings are kept.
        """
        own = json.loads(json.dumps(self.settings))  # as they are read from a file
        if self.comparable(dict(other.settings)) != self.comparable(own):
            return 0
        theirs = {content: name for name, content in stored_contents(other.folder).items()}
        taken = 0
        for name in self.left():
            there = theirs.get(fingerprint(self.paths[name]))
            if there:
                self.keep(name, FileScores(*other.of(there)))
                taken += 1
        return taken

    def join(self) -> FeatureStore:
        """Adds what was kept to `features.npy` and `windows.parquet`; writes `failures.csv`.

        In memory is never more than a recording or a stretch of the features, beside the keys.

        Raises:
            OSError: there is no room; nothing is lost.
        """
        names = [name for name in self.known if name not in self._joined]
        names = [name for name in names if self._part(name).exists()]
        finished = all((self.folder / name).exists() for name in (FEATURES, WINDOWS))
        if names or not finished:
            self._add(names)
        for name in self.known:  # also those that a killed run has joined
            if name in self._joined:
                self._part(name).unlink(missing_ok=True)
        failures = pd.DataFrame(self.failures(self.known), columns=pd.Index(Failure._fields))
        _write_table(failures, self.folder / "failures.csv")
        self.clear_away()
        return FeatureStore.open(self.folder)

    def _add(self, names: Sequence[str]) -> None:
        contents, keys = dict(self._contents), [self._keys]
        for name in names:
            with np.load(self._part(name)) as part:
                contents[name] = str(part["content"])
                keys.append(self._windows_of(name, part["starts_s"]))
        table = pd.DataFrame(contents.items(), columns=pd.Index(["recording_id", "content"]))
        _write_table(table, self.folder / _CONTENTS)
        windows = pd.concat(keys, ignore_index=True) if names else self._keys
        write_atomically(
            self.folder / FEATURES, lambda part: self._write_features(part, names, len(windows))
        )
        # Last, as the rows of this table are those that count.
        write_atomically(self.folder / WINDOWS, lambda part: windows.to_parquet(part, index=False))
        for cached in ("_keys", "_joined", "_contents"):
            vars(self).pop(cached, None)

    def _write_features(self, path: Path, names: Sequence[str], num_rows: int) -> None:
        width, dtype = self.settings["encoder"]["num_features"], np.dtype(self.settings["dtype"])
        header = {"descr": dtype.str, "fortran_order": False, "shape": (num_rows, width)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            if len(self._keys):
                _copy_rows(self.folder / FEATURES, file, len(self._keys))
            for name in names:
                with np.load(self._part(name)) as part:
                    file.write(np.ascontiguousarray(part["features"], dtype).data)

    def _windows_of(self, name: str, starts_s: np.ndarray) -> pd.DataFrame:
        columns = [name] * len(starts_s), starts_s, starts_s + self.settings["window_s"]
        return pd.DataFrame(dict(zip(WINDOW, columns, strict=True)))

    @cached_property
    def _keys(self) -> pd.DataFrame:
        """The windows that are joined."""
        if (self.folder / WINDOWS).exists():
            return FeatureStore.open(self.folder).keys
        empty = self._windows_of("", np.zeros(0))
        return empty.astype({WINDOW[0]: str})

    @cached_property
    def _joined(self) -> frozenset[str]:
        """The recordings that are joined."""
        return frozenset(self._keys[WINDOW[0]].unique())

    @cached_property
    def _contents(self) -> Mapping[str, str]:
        return stored_contents(self.folder)

    def _part(self, name: str) -> Path:
        return self.folder / "recordings" / f"{file_name(name)}.npz"


def stored_contents(folder: Path) -> dict[str, str]:
    """The `fingerprint` of the file of each recording of a store, by id."""
    path = folder / _CONTENTS
    if not path.exists():
        return {}
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return dict(zip(table["recording_id"], table["content"], strict=True))


def _write_table(table: pd.DataFrame, path: Path) -> None:
    write_atomically(path, lambda part: table.to_csv(part, index=False))


def _copy_rows(source: Path, target: BinaryIO, num_rows: int) -> None:
    """Writes the first rows of an array into an open file, without having them all in memory."""
    array = np.load(source, mmap_mode="r")
    left = num_rows * array.shape[1] * array.itemsize
    with source.open("rb") as file:
        file.seek(array.offset)
        while left:
            part = file.read(min(left, _BYTES_AT_ONCE))
            target.write(part)
            left -= len(part)
