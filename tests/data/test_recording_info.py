from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from guano import GuanoFile

from rfcx_audio.data.recording_info import RecordingInfo, check_position, describe_recordings

WEST = timezone(timedelta(hours=-4))


def write(path: Path, comment: str = "", **guano: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        if comment:
            file.comment = comment
        file.write(np.zeros(4000))
    if guano:
        fields = GuanoFile()
        for key, value in guano.items():
            fields[key.replace("_", " ")] = value
        text = fields.to_string().encode()
        chunk = b"guan" + len(text).to_bytes(4, "little") + text + bytes(len(text) % 2)
        path.write_bytes(path.read_bytes() + chunk)
    return path


def described(*files: Path, root: Path, **settings: object) -> dict[str, RecordingInfo]:
    paths = {path.relative_to(root).with_suffix("").as_posix(): path for path in files}
    return describe_recordings(paths, **settings)


def comment(clock: str = "05:30:00", zone: str = "-4") -> str:
    return f"Recorded at {clock} 14/06/2021 (UTC{zone}) by AudioMoth 24F31901603710E2"


def test_the_first_source_that_has_a_value_gives_it(tmp_path: Path) -> None:
    stamp = datetime(2021, 6, 14, 5, 30, 10, tzinfo=WEST)
    path = write(
        tmp_path / "pond_20210614_053000.wav",
        comment(),
        Timestamp=stamp,
        Loc_Position=(18.2, -66.5),
    )
    info = described(path, root=tmp_path)["pond_20210614_053000"]
    assert info == RecordingInfo(
        path, "pond", stamp, "GUANO", 18.2, -66.5, "24F31901603710E2", 0.5, 8000
    )
    table = {"pond_20210614_053000": RecordingInfo(site="P1", latitude=18.0, longitude=-66.0)}
    info = described(path, root=tmp_path, table=table)["pond_20210614_053000"]
    assert (info.site, info.start, info.latitude, info.longitude) == ("P1", stamp, 18.0, -66.0)


@pytest.mark.parametrize(("name", "origin"), [("owl.wav", "AudioMoth"), ("owl.flac", "AudioMoth")])
def test_an_audiomoth_gives_its_start_and_number(tmp_path: Path, name: str, origin: str) -> None:
    info = described(write(tmp_path / name, comment()), root=tmp_path)["owl"]
    assert info.start == datetime(2021, 6, 14, 5, 30, tzinfo=WEST)
    assert (info.start_from, info.recorder) == (origin, "24F31901603710E2")


def test_the_zone_is_that_of_starts_without_one_and_converts_the_others(tmp_path: Path) -> None:
    files = write(tmp_path / "20210614_053000.wav"), write(tmp_path / "20210614_093000Z.wav")
    infos = described(*files, root=tmp_path, zone=ZoneInfo("America/Puerto_Rico"))
    starts = [info.start.isoformat() for info in infos.values()]
    assert starts == ["2021-06-14T05:30:00-04:00"] * 2


def test_starts_without_a_zone_stay_so_and_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = [write(tmp_path / f"{name}.wav") for name in ("20210614_053000", "owl")]
    infos = described(*files, root=tmp_path)
    assert infos["20210614_053000"].start == datetime(2021, 6, 14, 5, 30)
    assert "1 of 1 start times have no time zone" in caplog.text
    assert "timezone=America/Puerto_Rico" in caplog.text
    assert "1 of 2 recordings have no start time, the first is 'owl'" in caplog.text


@pytest.mark.parametrize(
    ("paths", "sites"),
    [
        (["pond/20210614_05.wav", "ridge/20210614_05.wav"], ["pond", "ridge"]),
        (["x/pond/Data/a.wav", "x/ridge/Data/a.wav"], ["pond", "ridge"]),
        (["pond/20210614/a.wav", "pond/20210615/a.wav"], ["", ""]),  # AudioMoth's daily folders
        (["2021-06/pond/a.wav", "2021-07/ridge/a.wav"], ["pond", "ridge"]),
        (["pond/a.wav", "b.wav"], ["pond", ""]),
        (["A_20210614_053000.wav", "B_20210614_053000.wav"], ["A", "B"]),
        (["pond/A_20210614_053000.wav", "ridge/A_20210614_053000.wav"], ["pond", "ridge"]),
        (["alone.wav"], [""]),
    ],
)
def test_a_site_is_the_folder_that_differs_or_what_a_name_begins_with(
    tmp_path: Path, paths: list[str], sites: list[str]
) -> None:
    infos = described(*(write(tmp_path / path) for path in paths), root=tmp_path)
    assert [info.site for info in infos.values()] == sites


def test_contradictions_are_counted_and_the_better_source_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agreeing = [
        write(tmp_path / "a" / "20210614_053000.wav", comment()),  # local time
        write(tmp_path / "b" / "20210614_093000.wav", comment()),  # the same in UTC
        write(tmp_path / "c" / "20210614_0530.wav", comment("05:30:40")),
    ]
    infos = described(*agreeing, root=tmp_path)
    assert "different starts" not in caplog.text
    assert {info.start_from for info in infos.values()} == {"AudioMoth"}
    wrong = write(tmp_path / "d" / "20210615_053000.wav", comment())
    info = described(wrong, root=tmp_path)["d/20210615_053000"]
    assert info.start.day == 14
    assert (
        "1 recordings have different starts in different places, the first is d/20210615_053000: "
        "AudioMoth 2021-06-14T05:30:00-04:00, file name 2021-06-15T05:30:00; the former is taken"
    ) in caplog.text


def test_fields_that_make_no_sense_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "20210614_053000Z.wav", Loc_Position=(95.0, 10.0))
    content = path.read_bytes().replace(b"GUANO|Version: 1.0", b"Timestamp: at dawn")
    path.write_bytes(content)
    info = described(path, root=tmp_path)["20210614_053000Z"]
    assert (info.start, info.start_from) == (datetime(2021, 6, 14, 5, 30, tzinfo=UTC), "file name")
    assert info.latitude is None
    assert "2 GUANO fields cannot be used, the first is 20210614_053000Z, Timestamp: 'at dawn'" in (
        caplog.text
    )


def test_a_recording_that_cannot_be_read_has_the_start_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "20210614_053000Z.wav").write_bytes(b"nonsense")
    info = described(tmp_path / "20210614_053000Z.wav", root=tmp_path)["20210614_053000Z"]
    assert (info.start_from, info.duration_s, info.sample_rate) == ("file name", None, None)
    assert describe_recordings({}) == {}


def test_names_need_no_files() -> None:
    infos = describe_recordings({"pond/20210614_053000Z": Path("x\0y")}, open_files=False)
    assert infos["pond/20210614_053000Z"].start is None
    names = {name: Path(name) for name in ("pond/20210614_053000Z", "ridge/owl")}
    infos = describe_recordings(names, open_files=False)
    assert [info.site for info in infos.values()] == ["pond", "ridge"]
    assert infos["pond/20210614_053000Z"].start_from == "file name"


def test_a_name_that_is_no_text_gives_a_site_that_a_table_can_hold(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9_20210614_053000Z.wav")
    path = write(tmp_path / "a.wav").rename(odd)
    info = described(path, root=tmp_path).popitem()[1]
    assert info.site == "caf\\xe9"


def test_what_all_recordings_lack_is_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    described(write(tmp_path / "owl.wav"), write(tmp_path / "frog.wav"), root=tmp_path)
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert record.getMessage().startswith("2 of 2 recordings have no start time")


def test_positions_are_on_the_globe() -> None:
    check_position(-90.0, 180.0)
    for wrong in ((91.0, 0.0), (0.0, -181.0), (float("nan"), 0.0)):
        with pytest.raises(ValueError, match="expected degrees from -90 to 90"):
            check_position(*wrong)
