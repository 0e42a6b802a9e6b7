from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rfcx_audio.experiment import Entry, Job, answer, collect, summarise, write_report
from rfcx_audio.experiment.study_report import chosen, drawn_crops


def told(questions: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "page": "some",
        "title": "Which",
        "introduction": "All of it.",
        "questions": questions,
    }


SCORES = {"naive": (0.4, 0.5), "complete": (0.8, 0.9), "between": (0.7, 0.8)}


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Two seeds of three entries, as their runs would have left them."""
    made = []
    for name, values in SCORES.items():
        for seed, value in enumerate(values):
            job = Job(
                Entry(name, f"it is {name}", (f"loss={name}",)), seed, tmp_path / name / str(seed)
            )
            job.folder.mkdir(parents=True)
            metrics = {
                "lwlrap": value,
                "lwlrap_shuffled": 0.3,
                "auc": value,
                "average_precision": 0.2,
            }
            said = {f"test/{metric}": number for metric, number in metrics.items()}
            (job.folder / "metrics.json").write_text(json.dumps(said))
            (job.folder / "config.yaml").write_text(
                "data: {crops: {crops_per_epoch: 100}}\ntrainer: {max_epochs: 3}\n"
            )
            species = pd.DataFrame(
                {"species": [0, 1], "auc": [value, 0.5], "average_precision": [value, 1 - value]}
            )
            species.to_csv(job.folder / "test_species.csv", index=False)
            table = pd.DataFrame([metrics, metrics], index=["random", "this model"])
            table.to_csv(job.folder / "test_metrics.csv", index_label="scores")
            made.append(job)
    return made


def test_the_gap_is_measured_between_naive_and_complete(jobs: list[Job]) -> None:
    runs, _ = collect(jobs)
    table = summarise(runs, {name: name for name in SCORES})
    assert table["gap"].to_dict() == pytest.approx({"naive": 0, "complete": 1, "between": 0.75})
    assert table.loc["between", "lwlrap_sd"] == pytest.approx(0.0707, abs=1e-4)
    assert table["crops"].eq(300).all()


def test_an_answer_compares_seed_by_seed_and_names_species(jobs: list[Job]) -> None:
    said = answer(*collect(jobs), "between", "naive")
    assert "LWLRAP +0.300 ± 0.000 (2 of 2 seeds up)" in said
    assert "most gained: s0 +0.30" in said
    assert "most lost: s1 -0.30" in said
    assert answer(*collect(jobs), "absent", "naive") == "not measured yet."


def test_crops_of_teachers_and_stages_count(jobs: list[Job]) -> None:
    inner = jobs[0].folder / "first_stage"
    inner.mkdir()
    (inner / "config.yaml").write_text((jobs[0].folder / "config.yaml").read_text())
    assert drawn_crops(jobs[0].folder) == 600


def test_the_page_has_every_entry_and_says_what_is_missing(jobs: list[Job], tmp_path: Path) -> None:
    (jobs[-1].folder / "metrics.json").unlink()
    questions = [{"ask": "Better?", "of": "between", "against": "naive", "because": "It is."}]
    page = write_report(jobs, told(questions), tmp_path / "docs").read_text()
    assert page.startswith("# Which\n")
    assert "**1 of 6 runs are not finished yet.**" in page
    assert "| `between` | it is between | 0.700 | 62% |" in page
    assert "**Better?** `between` against `naive`: LWLRAP +0.300" in page
    assert "+0.25. It is.\n" in page
    assert "random" in page
    assert (tmp_path / "docs" / "some.png").stat().st_size > 10_000
    assert len(pd.read_csv(tmp_path / "docs" / "some.csv")) == 5


def test_nothing_finished_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run of the study is finished"):
        write_report([Job(Entry("a", "b", ()), 0, tmp_path)], told([]), tmp_path)


def test_the_page_tells_how_right_the_chosen_labels_were(jobs: list[Job], tmp_path: Path) -> None:
    for job, share in zip(jobs[:2], (0.9, 0.8), strict=True):
        file = job.folder / "metrics.json"
        said = json.loads(file.read_text()) | {"train/purity": share, "train/purity_all": 0.7}
        file.write_text(json.dumps(said))
    rounds = pd.DataFrame({"round": [1, 2], "truth_precision": [0.3, 0.4]})
    rounds.to_csv(jobs[-1].folder / "rounds.csv", index=False)
    table = chosen(jobs)
    assert table.loc["naive", ["share", "before"]].to_list() == pytest.approx([0.85, 0.7])
    assert table.loc["between", "share"] == pytest.approx(0.4)
    page = write_report(jobs, told([]), tmp_path / "docs").read_text()
    assert "0.850 | 0.700 |" in page
    assert "0.400 |  |" in page
