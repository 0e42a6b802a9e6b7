from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import (
    RAVEN_COLUMNS,
    RecordingInfo,
    read_tables,
    table_rows,
)
from rfcx_audio.events import (
    EVENT_COLUMNS,
    FORMATS,
    check_formats,
    raven_table,
    write_events,
    write_raven,
)

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
    events = events.sort_values(["recording_id", "t_min"], ignore_index=True)
    return events[list(EVENT_COLUMNS)].round({"t_min": 6, "t_max": 6})


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / "audio" / f"{name}.flac" for name in DURATIONS_S}


@pytest.fixture
def infos(paths: dict[str, Path]) -> dict[str, RecordingInfo]:
    return {name: RecordingInfo(path, duration_s=DURATIONS_S[name]) for name, path in paths.items()}


@pytest.fixture
def written(tmp_path: Path, infos: dict[str, RecordingInfo]) -> Path:
    assert write_events(some_events(), infos, tmp_path) == []
    return tmp_path


def read_rows(place: Path, **columns: str) -> pd.DataFrame:
    numbers = {name: number for number, name in enumerate(NAMES)}
    rows = table_rows(read_tables(place, columns).rows, numbers, 3)
    return rows.sort_values(["recording_id", "t_min"], ignore_index=True)


@pytest.mark.parametrize(
    "place",
    [
        *("events.csv", "raven", "raven.selections.txt", "audacity"),
        *("birdnet/BirdNET_SelectionTable.txt", "birdnet/BirdNET_CombinedTable.csv"),
    ],
)
def test_what_is_written_is_read_again(written: Path, place: str) -> None:
    rows = read_rows(written / place)
    events = some_events()
    columns = ["recording_id", "species_id", "songtype_id", "t_min", "t_max"]
    if "Combined" not in place:  # which has no frequencies
        columns += ["f_min", "f_max"]
    pd.testing.assert_frame_equal(rows[columns], events[columns], atol=1e-9, rtol=0)
    assert rows["present"].all()


def test_what_is_written_for_kaleidoscope_is_read_again(written: Path) -> None:
    names = {"species": "TOP1MATCH", "recording_id": "IN FILE", "f_min": "Fmin", "f_max": "Fmax"}
    rows = read_rows(written / "kaleidoscope", **names, t_min="OFFSET", duration="DURATION")
    columns = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max"]
    pd.testing.assert_frame_equal(rows[columns], some_events()[columns], atol=1e-9, rtol=0)


def test_all_tables_are_sorted_and_no_event_ends_after_its_file(
    tmp_path: Path, infos: dict[str, RecordingInfo]
) -> None:
    infos["b"] = RecordingInfo(infos["b"].path, duration_s=12.3456789)
    late = some_events().assign(recording_id="b", t_max=12.3456789)
    write_events(pd.concat([late, some_events()]).sample(frac=1, random_state=0), infos, tmp_path)
    for place in ("events.csv", "raven/b.selections.txt", "birdnet/BirdNET_SelectionTable.txt"):
        rows = read_rows(tmp_path / place)
        assert (rows["t_max"] <= rows["recording_id"].map({**DURATIONS_S, "b": 12.3456789})).all()
        ordered = rows.sort_values(["recording_id", "t_min"], kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(rows.drop(columns="line"), ordered.drop(columns="line"))
    cells = pd.read_csv(tmp_path / "kaleidoscope" / "cluster.csv")
    of_b = cells[cells["IN FILE"] == "b.flac"]
    assert (of_b["OFFSET"] + of_b["DURATION"]).round(6).max() == 12.345678
    assert of_b["OFFSET"].is_monotonic_increasing


@pytest.mark.parametrize("one", FORMATS)
def test_only_the_chosen_tables_are_written(
    tmp_path: Path, infos: dict[str, RecordingInfo], one: str
) -> None:
    write_events(some_events(), infos, tmp_path, [one])
    folders = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert folders == {one}
    assert (tmp_path / "events.csv").exists()


def test_tables_that_name_files_are_left_out_where_there_are_none(
    tmp_path: Path, infos: dict[str, RecordingInfo]
) -> None:
    infos["c"] = RecordingInfo(duration_s=60.0)
    left_out = write_events(some_events(), infos, tmp_path)
    assert left_out == ["raven", "birdnet", "kaleidoscope"]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"audacity"}


def test_names_that_are_no_text_are_written_as_numbers(
    tmp_path: Path, infos: dict[str, RecordingInfo]
) -> None:
    infos["c"] = RecordingInfo(Path(os.fsdecode(b"/caf\xe9/caf\xe9.wav")), duration_s=60.0)
    assert write_events(some_events(), infos, tmp_path) == []
    for place in ("raven.selections.txt", "birdnet/BirdNET_CombinedTable.csv"):
        assert "/caf\\xe9/caf\\xe9.wav" in (tmp_path / place).read_text(encoding="utf-8")
    cells = pd.read_csv(tmp_path / "kaleidoscope" / "cluster.csv")
    assert {("caf\\xe9", "caf\\xe9.wav")} == set(
        cells.loc[cells["IN FILE"].str.startswith("caf"), ["FOLDER", "IN FILE"]].itertuples(
            index=False, name=None
        )
    )


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="formats has excel; choose among raven, audacity"):
        write_events(some_events(), {}, tmp_path, ["raven", "excel"])
    with pytest.raises(ValueError, match=r"expected a list: formats=\[raven\]"):
        check_formats("raven")


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


def test_tables_of_an_earlier_call_do_not_stay_beside_those_of_this_one(
    infos: dict[str, RecordingInfo], tmp_path: Path
) -> None:
    events = some_events()
    write_events(events, infos, tmp_path)
    (tmp_path / "raven" / "mine.selections.txt").write_text("kept")
    gone, *_ = events["recording_id"].unique()
    write_events(events[events["recording_id"] != gone], infos, tmp_path)
    for place in (f"raven/{gone}.selections.txt", f"audacity/{gone}.txt"):
        assert not (tmp_path / place).exists()
    assert (tmp_path / "raven" / "mine.selections.txt").exists()


def test_names_that_are_too_long_for_a_file_system_are_shortened(tmp_path: Path) -> None:
    name = "a" * 245  # with .flac, 250 bytes of 255
    infos = {name: RecordingInfo(tmp_path / f"{name}.flac", duration_s=60.0)}
    events = some_events().assign(recording_id=name)
    write_events(events, infos, tmp_path)
    assert set(read_rows(tmp_path / "raven")["recording_id"]) == {name}
    assert len(list((tmp_path / "audacity").iterdir())) == 1
    write_events(events.iloc[:0], infos, tmp_path)
    assert not list((tmp_path / "raven").iterdir())
