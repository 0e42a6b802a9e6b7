from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import forest_overrides
from quick import SECONDS
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.experiment import (
    Entry,
    Job,
    entries_by_level,
    jobs_of,
    read_levels,
    run_jobs,
)


def entry(*words: str, command: str = "train") -> Entry:
    return Entry("one", "a test", words, command)


def test_jobs_go_seed_by_seed(tmp_path: Path) -> None:
    named = {
        "a": {"says": "x", "words": ["loss=bce"]},
        "b": {"says": "y", "words": []},
        "once": {"says": "z", "words": [], "num_seeds": 1},
    }
    entries = Entry.read(named, ["scale=laptop"])
    jobs = jobs_of(entries, [0, 1], tmp_path)
    told = [(job.entry.name, job.seed) for job in jobs]
    assert told == [("a", 0), ("b", 0), ("once", 0), ("a", 1), ("b", 1)]
    assert jobs[0].entry.words == ("scale=laptop", "loss=bce")
    assert jobs[4].folder == tmp_path / "b" / "seed_1"


def test_a_run_is_finished_when_it_was_tested(tmp_path: Path) -> None:
    job = Job(entry(), 0, tmp_path)
    assert not job.finished
    (tmp_path / "metrics.json").write_text(json.dumps({"val/auc": 0.5}))
    assert not job.finished
    (tmp_path / "metrics.json").write_text(json.dumps({"test/lwlrap": 0.5}))
    assert job.finished


def test_finished_runs_are_not_run_again_and_failures_are_returned(tmp_path: Path) -> None:
    done, wrong = jobs_of([entry("loss=no_such_loss")], [0, 1], tmp_path)
    done.folder.mkdir(parents=True)
    (done.folder / "metrics.json").write_text(json.dumps({"test/lwlrap": 0.5}))
    assert run_jobs([done, wrong], at_once=2) == [wrong]
    assert not (done.folder / "output.log").exists()
    assert "no_such_loss" in (wrong.folder / "output.log").read_text()


@pytest.mark.slow
def test_a_job_trains_in_a_process_of_its_own(forest: Path, tmp_path: Path) -> None:
    words = [*forest_overrides(forest), *SECONDS, "callbacks.report.num_pictures=0"]
    job = Job(entry(*words, "trainer.max_epochs=1"), 3, tmp_path / "run")
    assert run_jobs([job], at_once=1) == []
    assert "seed: 3" in (job.folder / "config.yaml").read_text()


STUDIES = [file.stem for file in (CONF_DIR / "study").glob("*.yaml")]


@pytest.mark.parametrize("study", STUDIES)
def test_a_committed_study_asks_about_entries_that_exist_and_compose(study: str) -> None:
    told = build(load_config("study", [f"study={study}"]).study)
    entries = Entry.read(told["entries"], told["common"])
    names = {one.name for one in entries}
    for question in told.get("questions", []):
        assert {question["of"], question["against"]} <= names
    crossed = entries_by_level(entries, read_levels(told.get("factors", {}))) or entries
    for one in crossed:
        config = load_config(one.command, [*one.words, "paths.output_dir=x"])
        if study != "epochs":
            longer = 4 if one.name.endswith("_long") else 1
            assert config.data.crops.crops_per_epoch * config.trainer.max_epochs in {
                longer * 9600,
                4800,  # of two stages
            }


def test_no_two_studies_write_the_same_page() -> None:
    pages = [load_config("study", [f"study={study}"]).study.page for study in STUDIES]
    assert len(set(pages)) == len(pages) >= 3
