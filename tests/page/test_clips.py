from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from rfcx_audio.page.clips import FINE, LONGEST_S, Clips
from rfcx_audio.verdicts import CLIP_COLUMNS, VerdictStore

RATE = 96_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    samples = np.random.default_rng(0).integers(-3000, 3000, 4 * RATE).astype(np.int16)
    soundfile.write(tmp_path / "bats.wav", samples, RATE, subtype="PCM_16")
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound")
    return tmp_path


def clips_of(folder: Path, *rows: tuple[str, float, float], context_s: float = 1.0) -> Clips:
    lines = [
        (name, "bat", t_min, t_max, None, None, None, "all", None, "", "")
        for name, t_min, t_max in rows
    ]
    store = VerdictStore.open(folder / "verdicts.sqlite", create=True)
    table = pd.DataFrame(lines, columns=pd.Index(CLIP_COLUMNS))
    queue = store.add_queue(
        "all", table, pd.DataFrame(columns=["species", "stratum", "population", "drawn"]), 0, {}
    )
    files = {path.stem: path for path in folder.glob("*.wav")}
    return Clips(store.clips(queue), files, context_s)


def test_the_sound_is_that_of_the_recording_with_what_is_around_it(folder: Path) -> None:
    whole, _ = soundfile.read(folder / "bats.wav", dtype="int16")
    clips = clips_of(folder, ("bats", 1.5, 2.0), ("bats", 0.2, 3.9), context_s=0.5)
    for number, start, stop in ((1, 1.0, 2.5), (2, 0.0, 4.0)):  # the latter cut at both ends
        prepared = clips.prepare(number)
        sound, rate = soundfile.read(BytesIO(prepared.sound), dtype="int16")
        assert rate == RATE  # high calls stay
        assert np.abs(sound - whole[round(start * RATE) : round(stop * RATE)]).max() <= 1
        assert prepared.start_s == start == prepared.pictures[FINE].t_min
        assert prepared.size == len(prepared.sound) + len(prepared.pictures[FINE].png)


def test_what_cannot_be_read_has_a_reason(folder: Path) -> None:
    rows = [("gone", 0.0, 1.0), ("broken", 0.0, 1.0), ("bats", 7.0, 8.0)]
    clips = clips_of(folder, *rows)
    reasons = [clips.prepare(number).reason for number in (1, 2, 3)]
    assert reasons[0] == "recordings=… has no file of the recording 'gone'"
    assert reasons[1].startswith("broken.wav: ")
    assert reasons[2] == "bats.wav: it ends after 4.0 s, before the clip begins at 7.0 s"
    assert not any(clips.prepare(number).sound for number in (1, 2, 3))


def test_too_loud_samples_are_scaled_and_long_clips_cut(tmp_path: Path) -> None:
    samples = np.linspace(-2, 2, 90 * 1000)
    soundfile.write(tmp_path / "loud.wav", samples, 1000, subtype="FLOAT")
    prepared = clips_of(tmp_path, ("loud", 0.0, 90.0)).prepare(1)
    sound, _ = soundfile.read(BytesIO(prepared.sound))
    assert len(sound) == LONGEST_S * 1000
    assert np.allclose(sound, samples[: len(sound)] / 2, atol=1e-4)


def test_what_stands_beside_a_clip_is_plain_json_without_other_answers(folder: Path) -> None:
    about = clips_of(folder, ("bats", 1.0, 2.0)).about(1)
    assert about == {
        "clip": 1,
        "recording_id": "bats",
        "species": "bat",
        "t_min": 1.0,
        "t_max": 2.0,
        "f_min": None,
        "f_max": None,
        "score": None,
        "site": "",
        "clock": "",
    }
