from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest

from conftest import forest_overrides
from quick import SECONDS
from studies.jobs import Entry, Job, jobs_of, run_jobs


def entry(*words: str, command: str = "train") -> Entry:
    return Entry("one", "a test", words, command)


def test_jobs_go_seed_by_seed(tmp_path: Path) -> None:
    named = {
        "a": {"what": "x", "overrides": ["loss=bce"]},
        "b": {"what": "y", "overrides": []},
        "once": {"what": "z", "overrides": [], "num_seeds": 1},
    }
    entries = Entry.read(named, ["scale=laptop"])
    jobs = jobs_of(entries, [0, 1], tmp_path)
    found = [(job.entry.name, job.seed) for job in jobs]
    assert found == [("a", 0), ("b", 0), ("once", 0), ("a", 1), ("b", 1)]
    assert jobs[0].entry.overrides == ("scale=laptop", "loss=bce")
    assert jobs[4].folder == tmp_path / "b" / "seed_1"


def test_a_run_is_finished_when_it_was_tested(tmp_path: Path) -> None:
    job = Job(entry(), 0, tmp_path)
    assert not job.finished
    (tmp_path / "metrics.json").write_text(json.dumps({"val/auc": 0.5}))
    assert not job.finished
    (tmp_path / "metrics.json").write_text(json.dumps({"test/lwlrap": 0.5}))
    assert job.finished


def test_an_entry_that_reads_another_entry_has_its_folder_and_no_run(tmp_path: Path) -> None:
    named = {
        "all": {"what": "x", "overrides": [], "command": "recipe", "scores": "corrected"},
        "raw": {"what": "y", "overrides": [], "command": "recipe", "scores": "mean", "of": "all"},
    }
    made, read = jobs_of(Entry.read(named, []), [0], tmp_path)
    assert made.folder == read.folder == tmp_path / "all" / "seed_0"
    assert f"folder={made.folder}" in made.arguments()
    assert run_jobs([read], at_once=1) == []
    (made.folder / "evaluation").mkdir(parents=True)
    assert not made.finished
    (made.folder / "evaluation" / "metrics.csv").write_text("scores\n")
    assert made.finished
    assert read.finished


def test_an_override_may_name_the_seed(tmp_path: Path) -> None:
    named = {"taught": {"what": "x", "overrides": ["teachers=[runs/best/seed_{seed}/last.ckpt]"]}}
    job = jobs_of(Entry.read(named, []), [0, 7], tmp_path)[1]
    assert "teachers=[runs/best/seed_7/last.ckpt]" in job.arguments()


def test_a_run_waits_for_the_one_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, both_begun = [], Event()

    def run(job: Job) -> bool:
        name = job.entry.name
        if name == "teacher":
            both_begun.wait(5)  # the other worker has taken something else
        elif name == "other":
            both_begun.set()
        order.append(f"{name} {job.seed}")
        return True

    monkeypatch.setattr(Job, "run", run)
    named = {
        "teacher": {"what": "x", "overrides": []},
        "taught": {"what": "y", "overrides": [], "after": "teacher"},
        "other": {"what": "z", "overrides": []},
    }
    assert run_jobs(jobs_of(Entry.read(named, []), [0], tmp_path), at_once=3) == []
    assert order == ["other 0", "teacher 0", "taught 0"]


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
