"""The committed pages in docs/ follow from their tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.config import build, load_config
from studies import CONF_DIR
from studies.curves import curves_text
from studies.page import page_text
from studies.results import Results
from studies.review_page import page_text as page_text_of_review
from studies.selection_page import write_selection
from studies.study import Study

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "name", ["deck", "beyond", "best", "forest_2", "forest_3", "holds", "encoders", "real_sound"]
)
def test_the_page_of_a_study_follows_from_its_tables(name: str) -> None:
    study = Study.read(build(load_config("study", [f"study={name}"], CONF_DIR).study))
    text = (curves_text if study.levels else page_text)(study, Results.read(DOCS, study.page))
    committed = (DOCS / f"{study.page}.md").read_text(encoding="utf-8")
    assert committed == text, "run `make pages`"


def test_the_page_of_the_selection_follows_from_its_table(tmp_path: Path) -> None:
    runs = pd.read_csv(DOCS / "selection.csv")
    teacher = load_config("selection", folder=CONF_DIR).teacher
    page = write_selection(runs, teacher, tmp_path, picture=False).read_text(encoding="utf-8")
    assert (DOCS / "selection.md").read_text(encoding="utf-8") == page, "run `make pages`"


def test_the_page_on_queues_follows_from_its_table() -> None:
    rounds = pd.read_csv(DOCS / "active_learning.csv")
    text = page_text_of_review(rounds, load_config("review", folder=CONF_DIR))
    assert (DOCS / "active_learning.md").read_text(encoding="utf-8") == text, "run `make pages`"
