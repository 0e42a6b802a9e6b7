from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finished import METRICS, finish
from studies.page import page_text, summarise, write_page
from studies.results import Results, collect
from studies.study import Study

SCORES = {"naive": (0.4, 0.5), "complete": (0.8, 0.9), "between": (0.7, 0.8)}
SETTINGS: dict[str, Any] = {
    "page": "some",
    "title": "Which",
    "introduction": "All of it.",
    "seeds": [0, 1],
    "common": [],
    "entries": {name: {"what": f"it is {name}", "overrides": [f"loss={name}"]} for name in SCORES},
    "questions": [{"ask": "Better?", "of": "between", "against": "naive"}],
}
STUDY = Study.read(SETTINGS)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Two seeds of three entries; the last run is not finished."""
    jobs = STUDY.jobs(tmp_path)
    for job in jobs[:-1]:
        value = SCORES[job.entry.name][job.seed]
        values = dict.fromkeys(METRICS, 0.2) | {"lwlrap": value, "auc": value}
        finish(job, values, {0: value, 1: 1 - value})
    return collect(jobs, STUDY.questions)


def test_the_gap_is_measured_between_naive_and_complete(results: Results) -> None:
    table = summarise(results.runs, {name: name for name in SCORES})
    gaps = {"naive": 0, "complete": 1, "between": 0.625}
    assert table["gap"].to_dict() == pytest.approx(gaps)
    assert table.loc["naive", "lwlrap_sd"] == pytest.approx(0.0707, abs=1e-4)


def test_the_page_has_every_entry_and_names_what_is_missing(results: Results) -> None:
    page = page_text(STUDY, results)
    assert page.startswith("# Which\n")
    assert "**1 of 6 runs are not finished yet.**" in page
    assert "\n* Not finished: `between` (1 of 2 seeds)\n" in page
    assert "* Highest LWLRAP: `between`, 0.700, 62% of the gap closed. Ties with it: none." in page
    assert "| `between` | it is between | 0.700 | 62% |" in page
    assert "| | random | 0.400 |" in page
    assert "**Better?** `between` against `naive`: *Undecided in all of" in page
    assert "LWLRAP +0.300 (1 of 1 seeds up)" in page
    assert "most gained: s0 +0.25" in page
    assert "* `naive`: `train loss=naive`" in page
    assert "{seed}" not in page
    taught = {"between": {"what": "taught", "overrides": ["teachers=[seed_{seed}.ckpt]"]}}
    study = Study.read(SETTINGS | {"entries": SETTINGS["entries"] | taught})
    assert "\n`{seed}` is the seed of the run.\n" in page_text(study, results)
    assert "chosen" not in page


def test_the_page_shows_the_share_of_correct_labels(results: Results) -> None:
    chosen = results.chosen.assign(
        entry=["a", "b"], what="x", share=[0.85, 0.4], before=[0.7, None]
    )
    page = page_text(STUDY, results._replace(chosen=chosen))
    assert "| `a` | x | 0.850 | 0.700 |" in page
    assert "| `b` | x | 0.400 |  |" in page


def test_the_picture_is_drawn_only_if_it_is_asked_for(results: Results, tmp_path: Path) -> None:
    write_page(STUDY, results, tmp_path / "docs", picture=False)
    assert [file.name for file in (tmp_path / "docs").iterdir()] == ["some.md"]
    write_page(STUDY, results, tmp_path / "docs")
    assert (tmp_path / "docs" / "some.png").stat().st_size > 10_000
