from __future__ import annotations

from pathlib import Path

import pytest

from finished import METRICS, finish
from studies.curves import by_level, curves_text, write_curves
from studies.levels import BASE
from studies.results import Results, collect
from studies.study import Study

STUDY = Study.read(
    {
        "page": "curves",
        "title": "Where",
        "introduction": "Of it.",
        "seeds": [0, 1],
        "common": [],
        "entries": {
            "naive": {"what": "absent", "overrides": ["loss=bce"]},
            "best": {"what": "best", "overrides": ["loss=best"]},
        },
        "factors": {
            "snr": {"what": "SNR", "levels": {"low": ["snr=1"], "usual": [], "high": ["snr=9"]}},
            "rows": {"what": "rows a species", "levels": {7: ["rows=7"], 14: []}},
        },
    }
)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Two seeds; naive falls with the level, best does not; its last run is not finished."""
    jobs = STUDY.jobs(tmp_path)
    for job in jobs[:-1]:
        entry, place = job.entry.name.split("@")
        value = 0.9 if entry == "best" else {"snr_0": 0.3, BASE: 0.5}.get(place, 0.7)
        finish(job, dict.fromkeys(METRICS, value + 0.1 * job.seed), {0: 0.5})
    return collect(jobs)


def test_means_by_level_have_the_base_in_every_factor(results: Results) -> None:
    table = by_level(results.runs, STUDY.levels, STUDY.metrics).set_index(["factor", "at", "entry"])
    naive = table.xs("naive", level="entry")["lwlrap"]
    assert naive.to_list() == pytest.approx([0.35, 0.55, 0.75, 0.75, 0.55])
    assert table.loc[("SNR", "usual", "best"), "auc_sd"] == pytest.approx(0.0707, abs=1e-4)
    assert table.loc[("rows a species", "7", "best"), "seeds"] == 1


def test_the_page_has_a_table_for_each_factor_and_names_what_is_missing(results: Results) -> None:
    page = curves_text(STUDY, results)
    assert page.startswith("# Where\n")
    assert "**1 of 16 runs are not finished yet.**" in page
    assert (
        "* Highest LWLRAP: `best` with 4 of 4 data sets, by 0.15 to 0.60 before the next." in page
    )
    assert "| low | `naive` | 0.350 ± 0.071 | 0.350 ± 0.071 | 2 |" in page
    assert "| 7 | `best` | 0.900 | 0.900 | 1 |" in page
    assert page.count("* `best`: `loss=best`\n") == 1
    assert page.endswith(
        "* SNR, low: `snr=1`\n* SNR, usual: none\n* SNR, high: `snr=9`\n"
        "* rows a species, 7: `rows=7`\n* rows a species, 14: none\n"
    )


def test_the_picture_is_drawn_only_if_it_is_asked_for(results: Results, tmp_path: Path) -> None:
    write_curves(STUDY, results, tmp_path / "docs", picture=False)
    assert [file.name for file in (tmp_path / "docs").iterdir()] == ["curves.md"]
    write_curves(STUDY, results, tmp_path / "docs")
    assert (tmp_path / "docs" / "curves.png").stat().st_size > 10_000
