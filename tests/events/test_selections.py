from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import RAVEN_COLUMNS, read_tables, table_rows
from rfcx_audio.events import EVENT_COLUMNS, raven_table, write_events, write_raven

NAMES = ["Little Owl", 'Frog "B"', "s2"]
DURATIONS_S = {"a.1": 60.0, "b": 12.3456, "c": 60.0}


def some_events() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    species = rng.integers(0, 3, 12)
    begin = rng.uniform(0, 9, 12)
    events = pd.DataFrame(
        {
            "recording_id": rng.choice(["a.1", "c"], 12),
            "species": [NAMES[n] for n in species],
            "species_id": species,
            "songtype_id": 1,
            "t_min": begin,
            "t_max": begin + rng.uniform(0.2, 3, 12),
            "f_min": 500.0 + species,
            "f_max": 2000.5 + species,
            "score": rng.random(12),
        }
    )
    return events.sort_values(["recording_id", "t_min"], ignore_index=True)[list(EVENT_COLUMNS)]


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / "audio" / f"{name}.flac" for name in DURATIONS_S}


@pytest.fixture
def written(tmp_path: Path, paths: dict[str, Path]) -> Path:
    write_events(some_events(), paths, DURATIONS_S, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "place", ["events.csv", "raven", "raven.selections.txt", "audacity"], ids=str
)
def test_what_is_written_is_read_again(written: Path, place: str) -> None:
    numbers = {name: number for number, name in enumerate(NAMES)}
    rows = table_rows(read_tables(written / place).rows, numbers, 3)
    rows = rows.sort_values(["recording_id", "t_min"], ignore_index=True)
    events = some_events()
    columns = ["recording_id", "species_id", "songtype_id", "t_min", "t_max", "f_min", "f_max"]
    pd.testing.assert_frame_equal(rows[columns], events[columns], atol=1e-5, rtol=0)
    assert rows["present"].all()


def test_parquet_holds_the_events_as_they_are(written: Path) -> None:
    pd.testing.assert_frame_equal(pd.read_parquet(written / "events.parquet"), some_events())


def test_times_of_many_files_count_from_the_start_of_the_first(
    written: Path, paths: dict[str, Path]
) -> None:
    together = pd.read_csv(written / "raven.selections.txt", sep="\t", quoting=3)
    assert tuple(together) == RAVEN_COLUMNS
    assert together["Selection"].to_list() == list(range(1, 13))
    assert together["Begin Time (s)"].is_monotonic_increasing
    before = together["Begin Path"].map({str(paths["a.1"]): 0.0, str(paths["c"]): 60.0 + 12.3456})
    offset = together["Begin Time (s)"] - together["File Offset (s)"]
    np.testing.assert_allclose(offset, before, atol=2e-6)
    lasting = together["End Time (s)"] - together["Begin Time (s)"]
    events = some_events()
    np.testing.assert_allclose(lasting, events["t_max"] - events["t_min"], atol=2e-6)


def test_times_of_one_file_count_from_its_start(written: Path) -> None:
    alone = pd.read_csv(written / "raven" / "c.selections.txt", sep="\t", quoting=3)
    assert (alone["Begin Time (s)"] == alone["File Offset (s)"]).all()
    assert set(alone["Begin File"]) == {"c.flac"}
    assert not (written / "raven" / "b.selections.txt").exists()


def test_audacity_gets_a_second_line_with_frequencies(written: Path) -> None:
    first = some_events().iloc[0]
    lines = (written / "audacity" / "a.1.txt").read_text().splitlines()
    assert lines[0] == f"{first.t_min:.6f}\t{first.t_max:.6f}\t{first.species}"
    assert lines[1] == f"\\\t{first.f_min:.6f}\t{first.f_max:.6f}"


def test_names_stay_in_their_cell(paths: dict[str, Path]) -> None:
    events = some_events().assign(species="two\tcells\nand lines")
    table = raven_table(events, paths, dict.fromkeys(paths, 0.0))
    assert set(table["Species"]) == {"two cells and lines"}


def test_no_events_give_a_table_with_column_names_only(
    tmp_path: Path, paths: dict[str, Path]
) -> None:
    write_raven(some_events().iloc[:0], paths, DURATIONS_S, tmp_path)
    assert (tmp_path / "raven.selections.txt").read_text() == "\t".join(RAVEN_COLUMNS) + "\n"
    assert read_tables(tmp_path / "raven.selections.txt").rows.empty
