from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import draw_recording, drawn_by
from rfcx_audio.whole_files import save_picture
from tiny_encoders import Bands

RATE = 48_000


def test_a_recording_is_drawn_with_boxes_and_scores(tmp_path: Path) -> None:
    frontend = LogMel(RATE)
    time = np.arange(8 * RATE) / RATE
    waveform = (0.1 * np.sin(2 * np.pi * 2000 * time)).astype("float32")
    rows = pd.DataFrame(
        {
            "species_id": [3, 4],
            "present": [True, False],
            "t_min": [1.0, 4.0],
            "t_max": [2.0, 6.0],
            "f_min": [1500.0, 20.0],  # one reaches beyond the front end
            "f_max": [2500.0, 23_000.0],
        }
    )
    values = np.random.default_rng(0).random((2, 24))
    scores = Scores.of_windows("r", [0.0, 2.0], 6.0, values).frame()
    figure = draw_recording(frontend, waveform, "r", rows, scores)
    upper, lower = figure.axes
    boxes = {patch.get_edgecolor()[:3]: patch.get_bbox() for patch in upper.patches}
    assert len(boxes) == 2
    first = upper.patches[0].get_bbox()
    assert (first.x0, first.x1) == (1.0, 2.0)
    assert [first.y0, first.y1] == frontend.band_of([1500.0, 2500.0])
    tone = frontend.band_of([2000.0])[0]
    assert first.y0 < tone < first.y1
    assert len(lower.lines) == 8
    assert [text.get_text() for text in upper.texts] == ["s3", "not s4"]
    save_picture(figure, tmp_path / "deep" / "r.png")
    with Image.open(tmp_path / "deep" / "r.png") as picture:
        assert picture.width > 1000


def test_boxes_have_the_names_of_their_species() -> None:
    box = {"present": True, "t_min": 1.0, "t_max": 2.0, "f_min": 500.0, "f_max": 900.0}
    rows = pd.DataFrame([{"species_id": 1, **box}])
    silence = np.zeros(4 * RATE, "float32")
    figure = draw_recording(LogMel(RATE), silence, "r", rows, species=("Owl", "Fen rail: song"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["Fen rail: song"]


@pytest.mark.parametrize("rate", [1_000, 8_000, 16_000, 22_050, 32_000, 48_000, 256_000])
def test_recordings_of_a_head_on_features_are_drawn_as_spectrograms(rate: int) -> None:
    encoder = Bands("unread.txt", rate, 3.0, num_features=4)
    drawn = drawn_by(EncoderFrontend(encoder, 1.5))
    assert drawn.sample_rate == rate
    assert drawn.f_max == min(15_000, rate / 2)
    assert drawn_by(drawn) is drawn
