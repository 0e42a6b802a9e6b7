from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from rfcx_audio.frontend import LogMel
from rfcx_audio.page.pictures import HEIGHT, WIDEST, Picture, display_picture, model_picture
from rfcx_audio.scoring.picture import in_db


def levels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(picture.png)))


def sine(hertz: float, rate: int, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    time_s = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)


def row_of(hertz: float, picture: Picture) -> float:
    """On a logarithmic axis, from the top."""
    share = np.log(hertz / picture.f_min) / np.log(picture.f_max / picture.f_min)
    return (1 - share) * HEIGHT - 0.5


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000, 250_000])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.7])
def test_a_tone_is_brightest_at_its_place_on_the_logarithmic_axis(rate: int, share: float) -> None:
    hertz = share * rate / 2
    picture = display_picture(sine(hertz, rate), rate)
    bright = levels(picture)[:, 5:-5].mean(1).argmax()
    bin_hz = 2 * picture.f_max / {8000: 256, 22_050: 512}.get(rate, 1024)
    tolerance = abs(row_of(hertz + bin_hz / 2, picture) - row_of(hertz, picture)) + 1
    assert abs(bright - row_of(hertz, picture)) <= tolerance
    assert picture.f_max == rate / 2


def test_a_level_is_a_number_of_decibels() -> None:
    waveform = np.concatenate([sine(3000, 48_000), sine(3000, 48_000, amplitude=0.005)])
    picture = display_picture(waveform, 48_000, start_s=7.0)
    found = levels(picture).max(0).astype(float)
    quarter = len(found) // 4
    difference_db = (found[quarter] - found[3 * quarter]) * picture.step_db
    assert difference_db == pytest.approx(40, abs=picture.step_db)
    assert (picture.t_min, round(picture.t_max, 1)) == (7.0, 9.0)
    assert 0 <= picture.low < picture.high <= 255


def test_a_long_clip_keeps_its_short_calls() -> None:
    waveform = np.zeros(60 * 48_000, np.float32)
    waveform[30 * 48_000 :][:960] = sine(5000, 48_000, 0.02)
    found = levels(display_picture(waveform, 48_000))
    assert found.shape[1] <= WIDEST
    assert found.max(0).argmax() / found.shape[1] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("samples", [1, 100, 1025])
def test_the_shortest_sounds_and_silence_have_pictures(samples: int) -> None:
    assert levels(display_picture(np.zeros(samples, np.float32), 48_000)).shape[0] == HEIGHT


def test_the_view_of_the_model_has_its_bands_and_frames_on_the_same_axis() -> None:
    frontend = LogMel(16_000, 512, 256, n_mels=32, f_min=200.0, f_max=6000.0)
    waveform = sine(1000, 16_000) + 0.02 * np.random.default_rng(0).standard_normal(16_000)
    waveform = waveform.astype(np.float32)
    picture = model_picture(frontend, waveform, 3.0, (94.0, 24_000.0))
    bands = in_db(frontend, frontend(torch.from_numpy(waveform)[None])[0, 0].numpy())
    found = levels(picture)
    assert found.shape == (HEIGHT, bands.shape[1])
    for hertz in (300.0, 1000.0, 4000.0):
        row = found[round(row_of(hertz, picture))]
        band = bands[int(frontend.band_of([hertz])[0])]
        expected = np.clip(255 + (band - bands.max()) / picture.step_db, 0, 255).astype(np.uint8)
        assert np.array_equal(row, expected)
    outside = [round(row_of(hertz, picture)) for hertz in (120.0, 7000.0, 20_000.0)]
    assert len(np.unique(found[outside])) == 1  # nothing is made up where the front end has none
    assert picture.t_min == pytest.approx(3.0 - 128 / 16_000)
