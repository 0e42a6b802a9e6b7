"""A store of verdicts with a queue of invented clips."""

from pathlib import Path

import pandas as pd

from rfcx_audio.verdicts import (
    ABSENT,
    CLIP_COLUMNS,
    OTHER,
    PRESENT,
    STRATUM_COLUMNS,
    UNSURE,
    Verdict,
    VerdictStore,
)

BOX = (0.5, 1.5, 300.0, 900.0)


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


def reviewed(folder: Path, names: list[str]) -> VerdictStore:
    """A store of four clips of 3 s, of which each answer is given once."""
    store = VerdictStore.open(folder / "verdicts.sqlite", create=True)
    four = clips(4).assign(recording_id=names, t_min=0.0, t_max=3.0)
    store.add_queue("random", four, strata(), 0, {})
    store.record(
        [
            Verdict(1, "ana", PRESENT, "a", box=BOX),
            Verdict(2, "ana", ABSENT, "b", note="rain"),
            Verdict(3, "ana", UNSURE, "c"),
            Verdict(4, "ana", OTHER, "d", "wren"),
        ]
    )
    return store


def found(rows: pd.DataFrame) -> list[tuple]:
    """Rows of labels, sorted."""
    columns = ["recording_id", "species_id", "present", "t_min", "t_max", "f_min", "f_max"]
    return sorted(rows[columns].itertuples(index=False, name=None))
