from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from rfcx_audio.callbacks import draw_curves, report
from rfcx_audio.callbacks.report import write_metrics


def test_metrics_are_added_to_those_already_there(tmp_path: Path) -> None:
    write_metrics(tmp_path, {"val/auc": 0.5})
    write_metrics(tmp_path, {"test/lwlrap": 0.75})
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == {"val/auc": 0.5, "test/lwlrap": 0.75}


def test_curves_are_drawn_for_every_value(tmp_path: Path) -> None:
    log = pd.DataFrame(
        {
            "epoch": [0, 0, 1],
            "step": [1, 2, 3],
            "train/loss": [1.0, 0.5, None],
            "val/auc": [None, None, 0.9],
        }
    )
    log.to_csv(tmp_path / "metrics.csv", index=False)
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > picture.height > 100


def test_what_was_measured_once_is_written_and_not_drawn_as_a_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(report, "save_picture", lambda figure, _: drawn.append(figure))
    log = {"step": [1, 2, 3], "train/loss": [1.0, 0.5, None], "val/auc": [None, None, 0.9]}
    pd.DataFrame(log).to_csv(tmp_path / "metrics.csv", index=False)
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == ["train/loss"]
    assert figure.get_supxlabel() == "measured once: val/auc 0.9"
