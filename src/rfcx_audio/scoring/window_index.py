"""An index of a store of features, with which a search need not read all of it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import Tensor

from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.whole_files import write_atomically

if TYPE_CHECKING:
    from usearch.index import Index

INDEX, DESCRIBED = "index.usearch", "index.json"
_ROWS_AT_ONCE = 2**15
_log = logging.getLogger(__name__)


class WindowIndex:
    """Finds candidates for the nearest windows of a store; their similarity is computed exactly.

    A graph over features as 8-bit integers, in the store's folder; windows that were embedded since
    it was made are added when it is opened.

    Attributes:
        index: of rows of the store.

    Source: hierarchical navigable small worlds, Malkov and Yashunin (2020), arXiv:1603.09320.
    """

    def __init__(self, index: Index) -> None:
        self.index = index

    @classmethod
    def of(cls, store: FeatureStore) -> WindowIndex:
        """The index of a store; it is made or extended where that is needed, which is logged.

        Raises:
            ModuleNotFoundError: usearch is not installed.
            OSError: the index cannot be written.
        """
        index = _empty(store.features.shape[1])
        if _has_index(store):
            index.load(str(store.folder / INDEX))
        first = len(index)
        if first == len(store.keys):
            return cls(index)
        _log.info(
            "indexing %d windows of %s, once; a million take minutes",
            len(store.keys) - first,
            store.folder,
        )
        for begin in range(first, len(store.keys), _ROWS_AT_ONCE):
            part = np.array(store.features[begin : begin + _ROWS_AT_ONCE])
            index.add(np.arange(begin, begin + len(part)), part)
        # Without its description, an index is not used: a killed writer leaves none that is wrong.
        (store.folder / DESCRIBED).unlink(missing_ok=True)
        write_atomically(store.folder / INDEX, lambda part: index.save(str(part)))
        text = json.dumps({"windows": len(index), "keys": _fingerprint(store, len(index))})
        write_atomically(store.folder / DESCRIBED, lambda part: part.write_text(text))
        return cls(index)

    def candidates(self, queries: Tensor, number: int) -> np.ndarray:
        """Rows of the store that are likely to be the nearest windows, in ascending order.

        Args:
            queries: (queries, features).
            number: how many for each query, at most.
        """
        found = (self.index.search(query, number).keys for query in queries.float().numpy())
        return np.unique(np.concatenate(list(found))).astype(int)


def _empty(width: int) -> Index:
    try:
        from usearch.index import Index  # noqa: PLC0415 (an optional extra)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'an index of a store needs usearch: pip install "rfcx-audio[search]"; or compare all '
            "windows, exact_up_to=null"
        ) from None
    return Index(ndim=width, metric="cos", dtype="i8")


def _has_index(store: FeatureStore) -> bool:
    """Whether the folder has an index of the store's windows, or of its first ones."""
    if not (store.folder / DESCRIBED).is_file() or not (store.folder / INDEX).is_file():
        return False
    described = json.loads((store.folder / DESCRIBED).read_text(encoding="utf-8"))
    windows = described["windows"]
    return windows <= len(store.keys) and described["keys"] == _fingerprint(store, windows)


def _fingerprint(store: FeatureStore, windows: int) -> str:
    """Changes with the ids, the times and the order of the first windows of a store."""
    hashes = pd.util.hash_pandas_object(store.keys.iloc[:windows], index=False).to_numpy("u8")
    return f"{np.bitwise_xor.reduce(hashes * np.arange(1, windows + 1, dtype='u8')):x}"
