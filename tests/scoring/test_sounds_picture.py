from __future__ import annotations

import numpy as np
import pytest

from rfcx_audio.scoring.sounds_picture import draw_sounds

RATE = 8_000


def test_each_sound_is_a_panel_whose_brightest_row_is_its_pitch() -> None:
    time_s = np.arange(RATE) / RATE
    pitches = [500, 1500, 2500, 3500, 1000]
    sounds = {f"{hz} Hz": np.sin(2 * np.pi * hz * time_s).astype("f4") for hz in pitches}
    figure = draw_sounds(sounds, RATE)
    assert [axes.get_title() for axes in figure.axes] == list(sounds)
    for axes, pitch in zip(figure.axes, pitches, strict=True):
        (image,) = axes.get_images()
        values = np.asarray(image.get_array()).mean(1)
        assert values.argmax() / (len(values) - 1) * RATE / 2 == pytest.approx(pitch, abs=40)
        assert image.get_extent() == [0, 1, 0, 4]


@pytest.mark.parametrize("samples", [1, 60, 5000])
def test_silence_and_sounds_of_any_length_are_drawn(samples: int) -> None:
    draw_sounds({"silence": np.zeros(samples, "f4")}, RATE).canvas.draw()
