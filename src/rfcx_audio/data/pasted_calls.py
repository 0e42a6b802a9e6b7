"""The features of windows with pasted calls, beside a store's own."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.feature_store import FEATURES, WINDOWS, FeatureStore, StoreError
from rfcx_audio.data.pasting import Paste, draw_pastes, pasted_window
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.hardware import usable_cores
from rfcx_audio.tracked import tracked
from rfcx_audio.whole_files import write_atomically

_log = logging.getLogger(__name__)
FOLDER = "pasted"
"""Where in a store of features the windows with pasted calls are."""

KEY = ("recording_id", "species", "t_min", "t_max", "f_min", "f_max")
"""What a row is known by, whatever table it stands in."""

_PER_PART = 256  # windows that are written together


def keyed(rows: pd.DataFrame, species: Sequence[str]) -> pd.DataFrame:
    """The columns of `KEY`, times and frequencies as float64, rounded to thousandths.

    Args:
        rows: as `read_rfcx` returns them.
        species: names, in the order of their numbers.
    """
    columns = [name for name in KEY if name not in ("recording_id", "species")]
    numbers = rows[columns].astype(float).round(3)
    names = np.array(species)[rows["species_id"]]
    return numbers.assign(recording_id=rows["recording_id"], species=names)[list(KEY)]


class PastedCalls(NamedTuple):
    """Windows with pasted calls, and their features.

    Attributes:
        table: the columns of `KEY` (of the row), `draw`, `background_id`, `background_s`,
            `offset_s`, `gain_db`; one line a window.
        features: (windows, features).
    """

    table: pd.DataFrame
    features: np.ndarray

    @classmethod
    def open(cls, store: Path) -> PastedCalls:
        """Those beside a store's features, ordered by row and draw; there may be none.

        Raises:
            StoreError: a part of them is broken.
        """
        tables, arrays = [], []
        for path in sorted((store / FOLDER).glob(f"*/{WINDOWS}")):
            try:
                tables.append(pd.read_parquet(path))
                arrays.append(np.load(path.with_name(FEATURES)))
            except (OSError, EOFError, ValueError) as error:
                raise StoreError(
                    f"{path.parent} is broken: {error}; remove it, and it is made again"
                ) from None
            if len(tables[-1]) != len(arrays[-1]):
                raise StoreError(
                    f"{path.parent} has {len(tables[-1])} windows, and features of "
                    f"{len(arrays[-1])}; remove it, and it is made again"
                )
        if not tables:
            return cls(pd.DataFrame(columns=pd.Index([*KEY, "draw"])), np.zeros((0, 0), np.float32))
        # In one order, whatever parts they were made in; two runs at the same time make some twice.
        table = pd.concat(tables, ignore_index=True).sort_values([*KEY, "draw"], kind="stable")
        table = table.drop_duplicates([*KEY, "draw"])
        features = np.concatenate(arrays)[table.index.to_numpy()]
        return cls(table.reset_index(drop=True), features)

    def of_rows(self, keys: pd.DataFrame, per_row: int, backgrounds: set[str]) -> PastedCalls:
        """Those of some rows, on some backgrounds, with the row's number in `row`.

        Args:
            keys: of the rows, see `keyed`.
            per_row: windows of each row at most.
            backgrounds: recordings.
        """
        numbers = {tuple(key): number for number, key in enumerate(keys.itertuples(index=False))}
        found = [
            numbers.get(tuple(key), -1)
            for key in self.table[list(KEY)].itertuples(index=False, name=None)
        ]
        table = self.table.assign(row=np.array(found, dtype=int), place=np.arange(len(self.table)))
        chosen = table[
            (table["row"] >= 0)
            & (table["draw"] < per_row)
            & table.get("background_id", pd.Series(dtype=str)).isin(backgrounds)
        ]
        features = self.features[chosen["place"].to_numpy(dtype=int)]
        return PastedCalls(chosen.drop(columns="place").reset_index(drop=True), features)


def embed_pasted(
    store: FeatureStore,
    rows: pd.DataFrame,
    species: Sequence[str],
    recordings: Recordings,
    reader: AudioReader,
    frontend: Callable[[Tensor], Tensor],
    per_row: int,
) -> int:
    """Adds to a store the windows with pasted calls that it lacks; goes on where it was stopped.

    Args:
        store: that the windows are to stand beside.
        rows: confirmed ones with audio.
        species: names, in the order of their numbers.
        recordings: of rows and backgrounds.
        reader: at the encoder's sample rate.
        frontend: which made the store, (1, samples) -> (1, 1, features, 1).
        per_row: windows of each row.

    Returns:
        How many were added. Recordings that cannot be read are named in a warning, each once.
    """
    keys, window_s = keyed(rows, species), store.settings["window_s"]
    first = ~keys.duplicated().to_numpy()  # the same row twice is one call
    keys, rows = keys[first], rows[first]
    there = PastedCalls.open(store.folder).table
    done = set(there[[*KEY, "draw"]].itertuples(index=False, name=None))
    known = list(keys.itertuples(index=False, name=None))
    pastes = draw_pastes(keys, recordings.durations_s, window_s, per_row)
    left = [paste for paste in pastes if (*known[paste.row], paste.draw) not in done]
    if not left:
        return 0
    places = rows[["recording_id", "t_min", "t_max", "f_min", "f_max"]].reset_index(drop=True)

    def embedded(paste: Paste) -> np.ndarray | AudioError:
        try:
            sound = pasted_window(reader, recordings, places.iloc[paste.row], paste, window_s)
        except AudioError as error:
            return error
        with torch.inference_mode():
            return frontend(torch.from_numpy(sound)[None])[0, 0, :, 0].cpu().numpy()

    added, lost = 0, Counter[str]()
    with ThreadPoolExecutor(usable_cores(), "paste", torch.set_num_threads, (1,)) as pool:
        found = tracked(pool.map(embedded, left), "pasting calls", len(left))
        pairs = zip(left, found, strict=True)
        while part := list(islice(pairs, _PER_PART)):
            lost.update(str(error) for _, error in part if isinstance(error, AudioError))
            made = [(paste, one) for paste, one in part if not isinstance(one, AudioError)]
            if made:
                _write_part(store, made, keys)
            added += len(made)
    for reason, count in lost.items():
        _log.warning("%d windows with pasted calls are left out: %s", count, reason)
    return added


def _write_part(
    store: FeatureStore, pairs: Sequence[tuple[Paste, np.ndarray]], keys: pd.DataFrame
) -> None:
    """Writes a part under a name that follows from its windows.

    Two runs at the same time write each other's parts with the same content, or parts of other
    names.
    """
    pastes = pd.DataFrame([paste for paste, _ in pairs])
    table = keys.iloc[pastes.pop("row")].reset_index(drop=True).join(pastes)
    features = np.stack([one for _, one in pairs]).astype(store.settings["dtype"])
    name = hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]
    folder = store.folder / FOLDER / name
    # The features first: a part counts by its table.
    write_atomically(folder / FEATURES, lambda part: np.save(part, features))
    write_atomically(folder / WINDOWS, lambda part: table.to_parquet(part, index=False))
