from __future__ import annotations

from pathlib import Path

import pandas as pd

from rfcx_audio.config import DictConfig, load_config
from studies import CONF_DIR
from studies.review_page import draw, page_text, write_page


def config_of(*words: str) -> DictConfig:
    return load_config("review", list(words), CONF_DIR)


def invented() -> pd.DataFrame:
    """Rounds of three queues, of which one learns faster; two seeds."""
    rows = []
    for seed in (0, 1):
        about = {"data": "own", "wrong": 0.0, "per_round": 50, "seed": seed}
        metrics = {"lwlrap": 0.9, "auc": 0.9, "average_precision": 0.8}
        rows.append({**about, "queue": "complete", "verdicts": 10_000, **metrics})
        for queue, speed in (("random", 0.001), ("top", 0.0005), ("entropy", 0.004)):
            for verdicts in (0, 50, 100):
                value = 0.5 + speed * verdicts + 0.01 * seed
                metrics = {"lwlrap": value, "auc": value, "average_precision": value}
                kinds = {"present": verdicts // 2, "absent": verdicts // 2, "unsure": 0}
                row = {"queue": queue, "verdicts": verdicts, **kinds, **metrics}
                rows.append({**about, **row})
    return pd.DataFrame(rows)


def test_the_page_states_when_a_queue_reaches_the_goal() -> None:
    text = page_text(invented(), config_of())
    assert "| `entropy` | 2 | 100 | 50% |" in text
    assert "at 100 verdicts, 1.00%" in text
    assert text.count("not reached") == 2
    assert "Against `random`" in text
    assert "`entropy` higher, +0.300 ± 0.000" in text


def test_the_picture_has_a_panel_for_each_data_set_and_reviewer() -> None:
    wrong = invented().assign(wrong=0.05)
    figure = draw(pd.concat([invented(), wrong[wrong["queue"] != "complete"]]), config_of())
    assert [axes.get_title() for axes in figure.axes] == [
        "data/own, real calls, 0% wrong, rounds of 50",
        "data/own, real calls, 5% wrong, rounds of 50",
    ]
    assert len(figure.axes[0].get_lines()) == 5


def test_the_page_is_written_from_the_rounds(tmp_path: Path) -> None:
    page = write_page(invented(), config_of(), tmp_path, picture=False)
    assert page.read_text(encoding="utf-8") == page_text(invented(), config_of())
    assert not (tmp_path / "active_learning.png").exists()
