from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data.recording_info import RecordingInfo
from rfcx_audio.data.recordings_table import (
    INFO_COLUMNS,
    add_to_table,
    names_places,
    read_recordings_table,
)
from rfcx_audio.data.rows import AnnotationError

PATHS = {
    name: Path("/audio") / f"{name}.wav" for name in ("pond/dawn", "ridge/dawn", "ridge/Río_2")
}
START = datetime(2021, 6, 14, 5, 30, tzinfo=timezone(timedelta(hours=-4)))


def table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "recordings.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


@pytest.mark.parametrize(
    "name", ["pond/dawn", "pond/dawn.wav", "pond\\dawn.WAV", "./pond/dawn.wav", "/audio/pond/dawn"]
)
def test_a_recording_is_named_by_its_id_or_its_path(tmp_path: Path, name: str) -> None:
    path = table(
        tmp_path, "file,Site,lat,lon,start", f"{name},P1,18.2,-66.5,2021-06-14T05:30-04:00"
    )
    expected = RecordingInfo(None, "P1", START, "recordings.csv", 18.2, -66.5)
    assert read_recordings_table(path, PATHS) == {"pond/dawn": expected}


def test_spreadsheets_with_semicolons_and_decimal_commas_are_read(tmp_path: Path) -> None:
    lines = ("recording;latitude;longitude;device", "Ri\u0301o_2.wav;18,25;-66,5;SM4 7", "owl;;;")
    infos = read_recordings_table(table(tmp_path, *lines, encoding="utf-8-sig"), PATHS)
    expected = RecordingInfo(latitude=18.25, longitude=-66.5, recorder="SM4 7")
    assert infos == {"ridge/Río_2": expected}


def test_columns_are_named_as_in_tables_of_labels(tmp_path: Path) -> None:
    path = table(
        tmp_path, "Sound.File,SITE ID,Date-Time", "pond/dawn.wav,P1,2021-06-14T05:30-04:00"
    )
    assert names_places(path)
    expected = RecordingInfo(None, "P1", START, "recordings.csv")
    assert read_recordings_table(path, PATHS) == {"pond/dawn": expected}


def test_an_original_that_cannot_be_read_gives_way_to_what_was_made_of_it(tmp_path: Path) -> None:
    def sites(*lines: str, paths: dict[str, Path] = PATHS) -> dict[str, str]:
        found = read_recordings_table(table(tmp_path, "file,site", *lines), paths)
        return {name: info.site for name, info in found.items()}

    lines = ("pond/dawn.wac,P1", "pond/dawn.wav,P2")
    assert sites(*lines) == sites(*lines[::-1]) == {"pond/dawn": "P2"}
    assert sites(lines[0]) == {"pond/dawn": "P1"}
    with pytest.raises(AnnotationError, match=r"line 3: another line differs about .*pond/dawn"):
        sites("pond/dawn.wac,P1", "pond/dawn.m4a,P2")
    ids = {"pond/noon": "noon.wav", "pond/noon.wac": "noon.wac"}
    both = {name: Path("/audio/pond") / file for name, file in ids.items()}
    for folder in ("pond/", "./pond/", "pond\\", "/audio/pond/", ""):
        for original in ("noon.wac", "noon.WAC"):
            found = sites(f"{folder}{original},P1", f"{folder}noon.wav,P2", paths=both)
            assert found == {"pond/noon": "P2", "pond/noon.wac": "P1"}


def test_what_cannot_be_used_is_named_by_its_line(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "recording_id,site,start,latitude,longitude",
        "dawn,P1,,,",
        "pond/dawn,P1,dawn,,",
        "pond/dawn,P1,,18.2,",
        "pond/dawn,P1,,118.2,0",
        "pond/dawn,P1,,north,0",
        "ridge/dawn,R1,,,",
        "ridge/dawn,R2,,,",
    )
    with pytest.raises(AnnotationError) as error:
        read_recordings_table(path, PATHS)
    messages = str(error.value).splitlines()
    for number, words in (
        (2, "'dawn' may be 'pond/dawn', 'ridge/dawn'; write the folder before the name"),
        (3, "'dawn' is no date and time; expected the form 2021-06-14T05:30:00"),
        (4, "latitude and longitude belong together"),
        (5, "latitude = 118.2, longitude = 0; expected degrees"),
        (6, "latitude = 'north' is no number"),
        (8, "another line differs about the recording 'ridge/dawn'"),
    ):
        assert any(f"line {number}: {words}" in line for line in messages), (number, messages)
    assert len(messages) == 6


def test_a_table_of_other_recordings_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "recording_id,site", "/other/dawn,P1")
    with pytest.raises(AnnotationError, match=r"names none of the 3 recordings .*'/other/dawn'"):
        read_recordings_table(path, PATHS)
    path = table(tmp_path, "call,site", "dawn,P1")
    with pytest.raises(AnnotationError, match="line 1 has no column that names the recording"):
        read_recordings_table(path, PATHS)
    assert read_recordings_table(table(tmp_path, "recording_id,site"), PATHS) == {}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    infos = {
        name: RecordingInfo(path, "P1", START, "GUANO", 18.2, -66.5, "SM4", 59.5, 48_000)
        for name, path in PATHS.items()
    } | {"ridge/dawn": RecordingInfo(PATHS["ridge/dawn"])}
    add_to_table(infos, tmp_path / "recordings.csv")
    assert read_recordings_table(tmp_path / "recordings.csv", PATHS) == infos


def test_other_columns_and_rows_stay_as_they_are(tmp_path: Path) -> None:
    path = table(tmp_path, "recording_id,path,size", "pond/dawn,p.wav,007", "gone,g.wav,NA")
    for _ in range(2):
        add_to_table({"pond/dawn": RecordingInfo(site="P1")}, path)
        written = pd.read_csv(path, dtype=str, keep_default_na=False)
        assert list(written) == ["recording_id", "path", "size", *INFO_COLUMNS]
        assert written["size"].to_list() == ["007", "NA"]
        assert written["site"].to_list() == ["P1", ""]


def test_a_list_of_recordings_may_name_places(tmp_path: Path) -> None:
    assert names_places(table(tmp_path, 'path,"Site"'))
    assert not names_places(table(tmp_path, "path,recording_id"))
