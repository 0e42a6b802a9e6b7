from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from finished import METRICS, finish
from studies.curves import by_level, curves_text, draw_curves, write_curves
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
    assert page.count("* `best`: `train loss=best`\n") == 1
    assert page.endswith(
        "* SNR, low: `snr=1`\n* SNR, usual: none\n* SNR, high: `snr=9`\n"
        "* rows a species, 7: `rows=7`\n* rows a species, 14: none\n"
    )


def test_the_picture_is_drawn_only_if_it_is_asked_for(results: Results, tmp_path: Path) -> None:
    write_curves(STUDY, results, tmp_path / "docs", picture=False)
    assert [file.name for file in (tmp_path / "docs").iterdir()] == ["curves.md"]
    write_curves(STUDY, results, tmp_path / "docs")
    assert (tmp_path / "docs" / "curves.png").stat().st_size > 10_000


def few_rows_study(**entries: str | None) -> Study:
    """Two data sets with two numbers of rows each; entries by name, with what they need."""
    return Study.read(
        {
            "page": "curves",
            "title": "Few",
            "introduction": "Of it.",
            "seeds": [0, 1],
            "common": [],
            "entries": {
                name: {"what": name, "overrides": [f"model={name}"], "needs": needs}
                for name, needs in entries.items()
            },
            "factors": {
                place: {"what": f"rows, {place}", "common": [f"root={place}"], "levels": levels}
                for place in ("forest", "own")
                for levels in [{"1": ["n=1"], "3": ["n=3"]}]
            },
            "questions": [{"ask": "Better?", "of": "head", "against": "own"}],
            "metrics": {
                "lwlrap": "LWLRAP",
                "average_precision": "macro AP",
                "fit_core_s": "core-seconds to fit",
            },
        }
    )


def test_a_question_is_answered_at_every_level_and_what_is_missing_is_named(tmp_path: Path) -> None:
    study = few_rows_study(own=None, head=None, imagenet="weights that are elsewhere")
    for job in study.jobs(tmp_path):
        entry, place = job.entry.name.split("@")
        if entry == "imagenet" or (place == "own_1" and entry == "head"):
            continue
        value = {"own": 0.2, "head": 0.5}[entry] + 0.2 * (place.endswith("1")) + 0.1 * job.seed
        finish(job, dict.fromkeys(METRICS, value), {0: 0.5})
        (job.folder / "seconds.json").write_text('{"fit_core_s": 12.345}')
    page = curves_text(study, collect(study.jobs(tmp_path)))
    assert "**2 of 16 runs are not finished yet.**" in page
    assert "`imagenet` was not run: it needs weights that are elsewhere." in page
    assert "* Not finished: `head` with rows, own: 3 (2 of 2 seeds)\n" in page
    assert "| rows, forest | 1 | higher, +0.300 ± 0.000 | " in page
    assert "| rows, forest | 3 | higher, +0.300 ± 0.000 | " in page
    assert page.count("| rows, own | ") == 1
    assert "`head` has that macro AP at" in page
    assert "* rows, forest: `head` against `own`, macro AP: *higher* at 1, 3\n" in page
    assert "* rows, own: `head` against `own`, macro AP: *higher* at 1\n" in page
    for place in ("forest", "own"):
        earlier = "in the mean, `head` at 1 has at least the macro AP of `own` at 3\n"
        assert f"* rows, {place}: {earlier}" in page
    line = next(one for one in page.splitlines() if one.startswith("| rows, forest | 3 |"))
    assert line.endswith("| 1 |")  # 0.5 with one row, where own has 0.4 with three
    assert "| 1 | `head` | 0.550 ± 0.071 | 0.550 ± 0.071 | 12.3 | 2 |" in page
    assert "against the base" not in page
    assert "* rows, own, 3: `root=own n=3`" in page


def test_a_picture_has_a_row_for_each_score_and_no_costs(tmp_path: Path) -> None:
    study = few_rows_study(own=None)
    for job in study.jobs(tmp_path):
        finish(job, dict.fromkeys(METRICS, 0.5), {0: 0.5})
    table = by_level(collect(study.jobs(tmp_path)).runs, study.levels, study.metrics)
    assert table["fit_core_s"].isna().all()
    scores = {"lwlrap": "LWLRAP", "average_precision": "macro AP"}
    figure = draw_curves(table, scores)
    assert [one.get_ylabel() for one in figure.axes] == ["LWLRAP", "", "macro AP", ""]
    write_curves(study, collect(study.jobs(tmp_path)), tmp_path / "docs")
    assert "macro AP against each property" in (tmp_path / "docs" / "curves.md").read_text()


def test_many_factors_are_drawn_below_one_another_and_single_levels_left_out() -> None:
    rows = [
        {"factor": f"of {n}", "at": at, "entry": "best", "lwlrap": 0.5, "lwlrap_sd": 0.0}
        for n in range(8)
        for at in ("1", "2")[: 1 + (n != 3)]
    ]
    figure = draw_curves(pd.DataFrame(rows), {"lwlrap": "LWLRAP"})
    assert [one.get_xlabel() for one in figure.axes] == [f"of {n}" for n in range(8) if n != 3]
    assert figure.get_size_inches()[0] < 20
    assert len({round(one.get_position().y0, 3) for one in figure.axes}) == 2
