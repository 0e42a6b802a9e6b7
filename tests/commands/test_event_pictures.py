from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from matplotlib.figure import Figure

from rfcx_audio.commands import detect, event_pictures
from rfcx_audio.config import build, config_text, load_config, variant
from rfcx_audio.scoring import CONFIG_KEY


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """What a training of two species would have left, for windows of 3 s at 16 kHz."""
    words = ["data.num_species=2", "data.sample_rate=16000", "frontend.f_max=7000"]
    config = load_config("train", [*words, "data.crop_duration_s=3.0", f"out={tmp_path}"])
    bands = [{"species_id": 0, "f_min": 500.0, "f_max": 7500.0}]
    config = variant(config, {"data.species": ["Owl", "Rail: song"], "data.templates": bands})
    torch.manual_seed(0)
    weights = build(config.method).state_dict()
    torch.save({"state_dict": weights, CONFIG_KEY: config_text(config)}, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


def test_a_minute_from_the_first_event_on_is_drawn_for_each_recording(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    audio = tmp_path / "audio"
    audio.mkdir()
    soundfile.write(audio / "reed.wav", 0.1 * rng.standard_normal(16_000 * 9), 16_000)
    soundfile.write(audio / "long night.wav", 0.1 * rng.standard_normal(16_000 * 90), 16_000)
    drawn = {}

    def watched(frontend, waveform, title, rows, scores, start_s) -> Figure:
        stop_s = start_s + len(waveform) / frontend.sample_rate
        drawn[title] = ((start_s, stop_s), rows, scores)
        return draw(frontend, waveform, title, rows, scores, start_s)

    draw = event_pictures.draw_recording
    monkeypatch.setattr(event_pictures, "draw_recording", watched)
    out = tmp_path / "out"
    words = [f"checkpoint={checkpoint}", f"recordings={audio}", "high=0.0", "low=0.0"]
    detect.run(load_config("detect", [*words, "pictures=true", f"out={out}"]))
    events = pd.read_csv(out / "events.csv")
    assert set(events["recording_id"]) == {"reed", "long night"}
    assert {path.name for path in (out / "pictures").iterdir()} == {
        "reed.png",
        f"{event_pictures.file_name('long night')}.png",
    }
    assert [drawn[name][0] for name in ("reed", "long night")] == [(0.0, 9.0), (0.0, 60.0)]
    for stretch, boxes, windows in drawn.values():
        assert not boxes.empty
        assert boxes["f_max"].max() <= 7000
        assert windows["t_min"].between(*stretch, inclusive="left").all()


def test_pictures_need_what_makes_spectrograms(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pictures=true needs checkpoint"):
        detect.run(load_config("detect", ["scores=s", "pictures=true", f"out={tmp_path}"]))
