from __future__ import annotations

import subprocess
from pathlib import Path

from finished import METRICS, finish
from preloaded import run_module
from studies.jobs import Entry, Job

CHECKOUT = Path(__file__).parents[2]


def command(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    words = [f"folder={folder / 'study'}", f"docs={folder / 'docs'}", f"hydra.run.dir={folder}"]
    return run_module("studies", *words, *overrides, cwd=CHECKOUT)


def test_the_command_writes_the_page_from_finished_runs_and_again_from_its_tables(
    tmp_path: Path,
) -> None:
    job = Job(Entry("naive", "", ()), 0, tmp_path / "study" / "naive" / "seed_0")
    finish(job, dict.fromkeys(METRICS, 0.5), {0: 0.5})
    done = command(tmp_path, "stage=collect")
    assert done.returncode == 0, done.stderr
    page = tmp_path / "docs" / "study.md"
    text = page.read_text()
    assert "| `naive` | unknown = absent | 0.500" in text
    assert "runs are not finished yet" in text
    page.unlink()
    done = command(tmp_path, "stage=page", f"folder={tmp_path}/none")
    assert done.returncode == 0, done.stderr
    assert page.read_text() == text


def test_an_unknown_stage_or_study_is_answered(tmp_path: Path) -> None:
    done = command(tmp_path, "stage=pages")
    assert "choose run, collect, page" in done.stderr
    done = command(tmp_path, "study=dekc")
    assert done.returncode != 0
    assert "did you mean study=deck" in done.stderr
