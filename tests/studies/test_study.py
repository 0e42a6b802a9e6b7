from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.config import build, load_config
from studies import CONF_DIR
from studies.study import Study

STUDIES = sorted(file.stem for file in (CONF_DIR / "study").glob("*.yaml"))


@pytest.mark.parametrize("name", STUDIES)
def test_a_committed_study_asks_about_entries_that_exist_and_compose(name: str) -> None:
    study = Study.read(build(load_config("study", [f"study={name}"], CONF_DIR).study))
    names = {one.name for one in study.compositions}
    for question in study.questions:
        assert {question.of, question.against} <= names
    for one in study.entries:
        config = load_config(one.command, [*one.overrides, "paths.output_dir=x"])
        if name != "epochs" and "model=features" not in one.overrides:
            longer = 4 if one.name.endswith(("_long", "distilled")) else 1
            assert config.data.crops.crops_per_epoch * config.trainer.max_epochs in {
                longer * 9600,
                4800,  # of two stages
                *((15_960,) if one.name == "distilled_short" else ()),  # 25 600 with its teacher's
            }


def test_no_two_studies_write_the_same_page() -> None:
    pages = [load_config("study", [f"study={name}"], CONF_DIR).study.page for name in STUDIES]
    assert len(set(pages)) == len(pages) >= 3


def test_jobs_of_levels_are_those_of_every_level() -> None:
    settings = {
        "page": "x",
        "title": "x",
        "introduction": " x\n",
        "seeds": [0, 1],
        "common": ["all=1"],
        "entries": {"a": {"what": "A", "overrides": ["own=1"], "num_seeds": 1}},
        "factors": {"f": {"what": "F", "levels": {"low": ["f=0"], "high": []}}},
    }
    study = Study.read(settings)
    assert study.introduction == "x"
    jobs = study.jobs(Path("runs"))
    assert [job.entry.name for job in jobs] == ["a@base", "a@f_0"]
    assert jobs[1].entry.overrides == ("all=1", "own=1", "f=0")
    assert jobs[1].folder == Path("runs/a@f_0/seed_0")
