from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from archives import RATE, write_checkpoint
from preloaded import run_module
from rfcx_audio.commands.place_and_time import infos_of_audio, infos_of_scores, write_summary
from rfcx_audio.config import load_config
from rfcx_audio.data import AnnotationError, RecordingInfo
from rfcx_audio.events import with_clock_times
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import list_recordings

NAMES = "pond/20210614_053000", "pond/20210614_210000", "ridge/20210614_053000"


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Three recordings of 3 s at two sites, named after local times."""
    for name in NAMES:
        path = tmp_path / "audio" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE), RATE)
    return tmp_path / "audio"


def described(audio: Path, *words: str) -> dict[str, RecordingInfo]:
    config = load_config("predict", ["checkpoint=x", f"recordings={audio}", *words])
    return infos_of_audio(config, list_recordings(config.recordings))


def scored(folder: Path, *names: str) -> Scores:
    """Scores of 4 windows of 1 s, the last of which is padding, with a call in the second."""
    values = np.array([[0.1], [0.9], [0.1], [0.1]])
    scores = Scores.concatenate(
        [Scores.of_windows(name, np.arange(4.0), 1.0, values) for name in names]
    )
    scores.write(folder / "scores.parquet")
    return scores


@pytest.mark.parametrize(
    ("zone", "written"),
    [("America/Puerto_Rico", "-04:00"), ("-04:00", "-04:00"), ("+5:30", "+05:30"), ("Z", "+00:00")],
)
def test_a_zone_is_a_word_of_the_command(audio: Path, zone: str, written: str) -> None:
    infos = described(audio, f"timezone={zone}")
    assert infos[NAMES[0]].start.isoformat() == f"2021-06-14T05:30:00{written}"
    with pytest.raises(ValueError, match="timezone=Atlantis is no time zone"):
        described(audio, "timezone=Atlantis")


def test_the_table_among_the_recordings_is_read_unless_another_is_given(audio: Path) -> None:
    (audio / "recordings.csv").write_text(f"recording_id,site\n{NAMES[0]},P1\n")
    assert [info.site for info in described(audio).values()] == ["P1", "pond", "ridge"]
    other = audio.parent / "deployment.csv"
    other.write_text(f"recording_id,site\n{NAMES[2]},R1\n")
    sites = [info.site for info in described(audio, f"recordings_table={other}").values()]
    assert sites == ["pond", "pond", "R1"]
    other.write_text("recording_id,site\nelsewhere,R1\n")
    with pytest.raises(AnnotationError, match="names none of the 3 recordings"):
        described(audio, f"recordings_table={other}")


def test_a_table_that_is_not_there_is_named(audio: Path) -> None:
    with pytest.raises(ValueError, match=r"recordings_table=gone.csv does not exist"):
        described(audio, "recordings_table=gone.csv")


def test_a_list_of_recordings_may_have_their_places(audio: Path) -> None:
    places = audio.parent / "list.csv"
    places.write_text(f"path,recording_id,site\n{audio}/{NAMES[2]}.wav,one,P9\n")
    infos = described(places)
    assert [(name, info.site) for name, info in infos.items()] == [("one", "P9")]
    places.write_text(f"path\n{audio}/{NAMES[2]}.wav\n")
    assert [info.start_from for info in described(places).values()] == ["file name"]


def test_without_audio_the_table_beside_the_scores_has_its_place(tmp_path: Path) -> None:
    scores = scored(tmp_path, *NAMES)
    config = load_config("detect", [f"scores={tmp_path}/scores.parquet", "timezone=Z"])
    infos = infos_of_scores(config, scores, {})
    assert [info.site for info in infos.values()] == ["pond", "pond", "ridge"]
    assert infos[NAMES[0]].path is None
    assert infos[NAMES[0]].duration_s == 4.0  # where the last window ends
    (tmp_path / "recordings.csv").write_text(
        "recording_id,path,site,start,duration_s\n"
        f"{NAMES[0]},/far/away.wav,P1,2021-06-14T06:30:00+01:00,3.0\n"
        f"{NAMES[1]},not/here.wav,P1,,3.0\n"
    )
    infos = infos_of_scores(config, scores, {})
    assert infos[NAMES[0]].path == Path("/far/away.wav")
    assert infos[NAMES[0]].start.isoformat() == "2021-06-14T05:30:00+00:00"
    assert infos[NAMES[0]].duration_s == 3.0
    assert infos[NAMES[1]].path is None  # it depends on the folder of another command
    assert infos[NAMES[2]].site == "ridge"


def test_the_summary_has_a_picture_only_where_times_are_known(tmp_path: Path) -> None:
    events = pd.DataFrame({"recording_id": ["a"], "species": "Owl", "t_min": 0.0, "t_max": 1.0})
    infos = {"a": RecordingInfo(site="pond", duration_s=60.0)}
    write_summary(with_clock_times(events, infos), infos, ["a"], tmp_path)
    table = pd.read_csv(tmp_path / "by_site.csv")
    assert table[["site", "events", "recorded_minutes"]].to_numpy().tolist() == [["pond", 1, 1.0]]
    assert not (tmp_path / "calls_by_hour.png").exists()


@pytest.mark.slow
def test_place_and_time_travel_from_file_names_to_the_summary(audio: Path, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path)
    (audio / "recordings.csv").write_text(
        "file,latitude,longitude,recorder\n20210614_210000.wav,18.2,-66.5,SM4 7\n"
    )
    words = [f"checkpoint={checkpoint}", f"recordings={audio}", "timezone=America/Puerto_Rico"]
    for _ in range(2):  # the second time, everything is done already
        done = run_module("rfcx_audio.predict", *words, f"out={tmp_path}/scores", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    written = pd.read_csv(tmp_path / "scores" / "recordings.csv", keep_default_na=False)
    assert written["start"].to_list() == [
        *("2021-06-14T05:30:00-04:00", "2021-06-14T21:00:00-04:00", "2021-06-14T05:30:00-04:00"),
    ]
    assert written["recorder"].to_list() == ["", "SM4 7", ""]
    assert written["duration_s"].to_list() == [3.0] * 3

    scored(tmp_path / "scores", *NAMES)
    place = f"scores={tmp_path}/scores/scores.parquet"
    done = run_module("rfcx_audio.detect", place, f"out={tmp_path}/events", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "time zone" not in done.stdout + done.stderr
    out = tmp_path / "events"
    events = pd.read_csv(out / "events.csv")
    assert events["site"].to_list() == ["pond", "pond", "ridge"]
    assert events["start_time"][1] == "2021-06-14T21:00:01.000-04:00"
    assert events["end_time"][1] == "2021-06-14T21:00:02.000-04:00"
    summary = pd.read_csv(out / "by_site.csv", dtype={"hour": str})
    assert summary[["site", "date", "hour", "events"]].to_numpy().tolist() == [
        ["pond", "2021-06-14", "05", 1],
        ["pond", "2021-06-14", "21", 1],
        ["ridge", "2021-06-14", "05", 1],
    ]
    assert summary["recorded_minutes"].to_list() == [0.05] * 3
    assert (out / "calls_by_hour.png").stat().st_size > 5000
    raven = pd.read_csv(out / "raven.selections.txt", sep="\t")
    assert raven["Begin Path"].to_list() == [str(audio / f"{name}.wav") for name in NAMES]
    assert raven["Begin Time (s)"].to_list() == [1.0, 4.0, 7.0]
