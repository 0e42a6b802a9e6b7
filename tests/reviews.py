"""A store of verdicts with a queue of invented clips."""

from pathlib import Path

import pandas as pd

from rfcx_audio.verdicts import CLIP_COLUMNS, STRATUM_COLUMNS, VerdictStore


def clips(number: int = 4, species: str = "owl") -> pd.DataFrame:
    rows = [
        (f"night_{n}", species, 3.0 * n, 3.0 * n + 3.0, None, None, n / 10, "all", 0.5, "pond", "")
        for n in range(number)
    ]
    return pd.DataFrame(rows, columns=pd.Index(CLIP_COLUMNS))


def strata(population: int = 8, drawn: int = 4, species: str = "owl") -> pd.DataFrame:
    row = [(species, "all", population, drawn)]
    return pd.DataFrame(row, columns=pd.Index(STRATUM_COLUMNS))


def filled(folder: Path, number: int = 4) -> VerdictStore:
    store = VerdictStore.open(folder / "verdicts.sqlite", create=True)
    store.add_queue("random", clips(number), strata(), seed=7, settings={"model": "abc"})
    return store
