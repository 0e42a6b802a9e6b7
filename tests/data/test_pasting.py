from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from rfcx_audio.data import AudioReader, Pasting, Recordings
from rfcx_audio.data.pasted_calls import keyed
from rfcx_audio.data.pasting import Paste, cut_out, draw_pastes, pasted_window
from stores import NAMES

CONTEXT_S = 0.5


def tone(hz: float, rate: int = 8_000, duration_s: float = 2.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * duration_s)) / rate).astype(np.float32)


def power_at(sound: np.ndarray, hz: float, rate: int = 8_000) -> float:
    phases = np.exp(-2j * np.pi * hz * np.arange(len(sound)) / rate)
    return float(abs(2 * (sound * phases).mean()) ** 2)


@pytest.mark.parametrize("seconds", [1.0, 0.4])
def test_what_is_in_the_band_stays_and_what_is_outside_goes(seconds: float) -> None:
    sound = tone(1_000, duration_s=seconds + 1) + tone(3_000, duration_s=seconds + 1)
    call = cut_out(sound, 8_000, 900.0, 1_100.0, CONTEXT_S)
    assert len(call) == round(8_000 * seconds)
    assert call.dtype == np.float32
    middle = call[800:-800]
    assert power_at(middle, 1_000) == pytest.approx(1, abs=0.02)
    assert power_at(middle, 3_000) < 1e-5


def test_a_call_fades_in_and_out() -> None:
    call = cut_out(tone(1_000), 8_000, 900.0, 1_100.0, CONTEXT_S)
    fade = round(0.05 * 8_000)
    assert call[0] == call[-1] == 0
    for edge in (call[:fade], call[::-1][:fade]):
        peaks = np.abs(edge).reshape(10, -1).max(1)
        assert (np.diff(peaks) > 0).all()
        assert peaks[0] < 0.15
    assert np.abs(call[fade : 2 * fade]).max() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("f_min", "f_max"),
    [(0.0, 24_000.0), (1_000.0, 1_000.0), (0.0, 0.0), (3_950.0, 4_000.0), (9_000.0, 12_000.0)],
)
@pytest.mark.parametrize("rate", [100, 250, 1_000, 8_000, 48_000])
def test_any_band_at_any_rate_gives_sound(f_min: float, f_max: float, rate: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 2 * rate).astype(np.float32)
    call = cut_out(sound, rate, f_min, f_max, CONTEXT_S)
    assert len(call) == rate
    assert np.isfinite(call).all()
    assert 0 < np.abs(call).max() < 1


def test_a_row_without_frequencies_keeps_the_call() -> None:
    call = cut_out(tone(1_000) + tone(3_000), 8_000, 0.0, 24_000.0, CONTEXT_S)[800:-800]
    assert power_at(call, 1_000) == pytest.approx(1, abs=0.02)
    assert power_at(call, 3_000) == pytest.approx(1, abs=0.02)


def test_the_lowest_voices_are_kept_at_their_rate() -> None:
    sound = tone(20, 250, 11.0) + tone(90, 250, 11.0)
    call = cut_out(sound, 250, 15.0, 30.0, CONTEXT_S)[250:-250]
    assert power_at(call, 20, 250) == pytest.approx(1, abs=0.05)
    assert power_at(call, 90, 250) < 0.01


def rows_of(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    columns = pd.Index(["recording_id", "species_id", "t_min", "t_max"])
    return pd.DataFrame(rows, columns=columns).assign(f_min=100.0, f_max=400.0, present=True)


ROWS = rows_of(("a", 0, 0.25, 1.0), ("b", 1, 0.5, 0.75), ("b", 0, 1.0, 9.0))
DURATIONS_S = {"a": 3.0, "b": 20.0, "short": 0.3}


def draws(rows: pd.DataFrame, per_row: int) -> dict[tuple[Any, ...], list[Paste]]:
    keys = keyed(rows, NAMES)
    found: dict[tuple[Any, ...], list[Paste]] = {}
    for paste in draw_pastes(keys, DURATIONS_S, 2.0, per_row):
        found.setdefault(tuple(keys.iloc[paste.row]), []).append(paste._replace(row=0))
    return found


def test_the_first_draws_of_a_row_are_among_more() -> None:
    few, more = draws(ROWS, 3), draws(ROWS, 8)
    assert len(few) == len(more) == len(ROWS)
    for key, pastes in few.items():
        assert more[key][:3] == pastes
        assert [paste.draw for paste in more[key]] == list(range(8))


def test_a_row_has_the_same_draws_in_every_table() -> None:
    others = pd.concat([rows_of(("z", 1, 0.0, 1.0)), ROWS.iloc[::-1]], ignore_index=True)
    in_whole_numbers = others.astype({"f_min": int, "f_max": int})
    for table in (others, in_whole_numbers):
        found = draws(table, 4)
        assert all(found[key] == pastes for key, pastes in draws(ROWS, 4).items())


def test_names_of_any_kind_are_drawn_for() -> None:
    rows = rows_of(("odd,\n\x85name", 0, 0.25, 1.0), ("b", 0, 0.25, 1.0))
    assert [len(pastes) for pastes in draws(rows, 2).values()] == [2, 2]


def test_draws_lie_inside_their_background_and_hold_the_call() -> None:
    pastes = list(draw_pastes(keyed(ROWS, NAMES), DURATIONS_S, 2.0, 200))
    for paste in pastes:
        row = ROWS.iloc[paste.row]
        length = min(2.0, row["t_max"] - row["t_min"])
        assert 0 <= paste.offset_s <= 2.0 - length
        last = max(0.0, DURATIONS_S[paste.background_id] - 2.0)
        assert 0 <= paste.background_s <= last
        assert abs(paste.gain_db) <= 6
    assert {paste.background_id for paste in pastes} == set(DURATIONS_S)


@pytest.mark.parametrize(("per_row", "share"), [(0, 0.5), (1, -0.1), (1, 1.1)])
def test_settings_out_of_their_range_are_refused(per_row: int, share: float) -> None:
    with pytest.raises(ValueError, match=r"data\.pasted: .*data\.pasted=null"):
        Pasting(per_row, share)


def write(path: Path, sound: np.ndarray) -> Path:
    soundfile.write(path, sound, 8_000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("t_min", [0.0, 0.05, 1.0, 2.5])
@pytest.mark.parametrize("offset_s", [0.0, 0.7, 1.5])
def test_a_call_stands_at_its_offset(tmp_path: Path, t_min: float, offset_s: float) -> None:
    sound = np.zeros(24_000, np.float32)
    first = round(t_min * 8_000)
    sound[first : first + 4_000] = tone(1_000, duration_s=0.5)
    paths = {
        "call": write(tmp_path / "call.wav", sound),
        "quiet": write(tmp_path / "quiet.wav", 0.1 * tone(3_000, duration_s=4.0)),
    }
    row = pd.Series({"recording_id": "call", "t_min": t_min, "t_max": t_min + 0.5})
    row = pd.concat([row, pd.Series({"f_min": 900.0, "f_max": 1_100.0})])
    paste = Paste(0, 0, "quiet", 0.5, offset_s, -6.0)
    window = pasted_window(AudioReader(8_000), Recordings.probe(paths), row, paste, 2.0)
    assert window.shape == (16_000,)
    assert window.dtype == np.float32
    begin = round(offset_s * 8_000)
    inside = window[begin + 400 : begin + 3_600]
    assert power_at(inside, 1_000) == pytest.approx(10**-0.6, rel=0.05)
    assert power_at(inside, 3_000) == pytest.approx(0.01, rel=0.05)
    outside = np.r_[window[: max(0, begin - 800)], window[begin + 4_800 :]]
    expected = 0.1 * tone(3_000, duration_s=4.0)[4_000:20_000]
    expected = np.r_[expected[: max(0, begin - 800)], expected[begin + 4_800 :]]
    np.testing.assert_allclose(outside, expected, atol=1e-6)


def test_a_call_longer_than_the_window_fills_it(tmp_path: Path) -> None:
    paths = {
        "call": write(tmp_path / "call.wav", tone(1_000, duration_s=5.0)),
        "quiet": write(tmp_path / "quiet.wav", np.zeros(4_000, np.float32)),  # and shorter
    }
    row = pd.Series({"recording_id": "call", "t_min": 1.0, "t_max": 4.0, "f_min": 900.0})
    row = pd.concat([row, pd.Series({"f_max": 1_100.0})])
    paste = Paste(0, 0, "quiet", 0.0, 0.0, 0.0)
    window = pasted_window(AudioReader(8_000), Recordings.probe(paths), row, paste, 2.0)
    assert power_at(window, 1_000) == pytest.approx(1, abs=0.05)
