from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from finished import METRICS, finish
from studies.jobs import Entry, Job
from studies.results import Results, chosen, collect, drawn_crops, seconds_of, species_gains
from studies.study import Question

QUESTION = Question("Better?", "good", "bad")


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Two seeds of two entries; the last run is not finished."""
    made = [
        Job(Entry(name, "", ()), seed, tmp_path / name / str(seed))
        for name in ("bad", "good")
        for seed in (0, 1)
    ]
    for job, value in zip(made[:3], (0.4, 0.5, 0.8), strict=True):
        finish(job, dict.fromkeys(METRICS, value), {0: value, 1: 1 - value})
    return made


def test_results_are_of_the_finished_runs(jobs: list[Job]) -> None:
    results = collect(jobs, [QUESTION])
    assert results.runs["lwlrap"].to_list() == [0.4, 0.5, 0.8]
    assert results.runs["crops"].eq(300).all()
    assert results.baselines["scores"].to_list() == ["random"]
    assert results.gains["gain"].to_list() == pytest.approx([0.35, -0.35])
    assert results.chosen.empty


def test_what_is_written_is_read_again_and_empty_tables_have_no_file(
    jobs: list[Job], tmp_path: Path
) -> None:
    docs = tmp_path / "docs"
    results = collect(jobs, [QUESTION])
    docs.mkdir()
    (docs / "x_chosen.csv").write_text("of an earlier time\n")
    results.write(docs, "x")
    assert {file.name for file in docs.iterdir()} == {"x.csv", "x_baselines.csv", "x_gains.csv"}
    for found, expected in zip(Results.read(docs, "x"), results, strict=True):
        assert list(found) == list(expected)
        if len(expected):
            pd.testing.assert_frame_equal(found, expected.reset_index(drop=True))


def test_runs_that_are_not_repeated_stay_in_the_table(jobs: list[Job]) -> None:
    results = collect(jobs)
    columns = results.runs.columns
    of_elsewhere = [["bad", 1, *[0.1] * 5], ["good", 1, *[0.9] * 5], ["dropped", 0, *[0.2] * 5]]
    earlier = results._replace(runs=pd.DataFrame(of_elsewhere, columns=columns))
    both = results.with_earlier(earlier, jobs).runs
    assert both["entry"].to_list() == ["bad", "bad", "good", "good"]
    assert both["seed"].to_list() == [0, 1, 0, 1]
    assert both["lwlrap"].to_list() == [0.4, 0.5, 0.8, 0.9]


def test_entries_of_a_recipe_are_rows_of_its_metrics(jobs: list[Job], tmp_path: Path) -> None:
    kinds = ("mean of the models", 0.6), ("corrected", 0.7)
    folder = tmp_path / "recipe" / "0"
    (folder / "evaluation").mkdir(parents=True)
    lines = [{"scores": name, **dict.fromkeys(METRICS, value)} for name, value in kinds]
    pd.DataFrame(lines).to_csv(folder / "evaluation" / "metrics.csv", index=False)
    entries = [Entry(name, "", (), "recipe", scores=name) for name, _ in kinds]
    found = collect([*jobs, *(Job(entry, 0, folder) for entry in entries)], [QUESTION])
    assert found.runs.set_index("entry").loc[[name for name, _ in kinds], "auc"].to_list() == [
        0.6,
        0.7,
    ]
    assert set(found.gains["of"]) == {"good"}


def test_nothing_finished_and_nothing_written_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run of the study is finished"):
        collect([Job(Entry("a", "b", ()), 0, tmp_path)])
    with pytest.raises(ValueError, match=r"none.csv does not exist; run the study first"):
        Results.read(tmp_path, "none")


def test_questions_about_what_has_no_run_have_no_gains() -> None:
    species = pd.DataFrame({"entry": ["a"], "seed": 0, "species": 0, "average_precision": 0.5})
    assert species_gains(species, [QUESTION]).empty


def test_crops_of_teachers_and_stages_count(jobs: list[Job]) -> None:
    inner = jobs[0].folder / "first_stage"
    inner.mkdir()
    (inner / "config.yaml").write_text((jobs[0].folder / "config.yaml").read_text())
    assert drawn_crops(jobs[0].folder) == 600
    checkpoint = jobs[1].folder / "checkpoints" / "best.ckpt"
    (inner.parent / "settings.yaml").write_text(f"teachers: [{checkpoint}, scores.parquet]\n")
    assert drawn_crops(jobs[0].folder) == 900


def test_the_share_of_correct_labels_is_the_mean_over_seeds(jobs: list[Job]) -> None:
    for job, share in zip(jobs[:2], (0.9, 0.8), strict=True):
        file = job.folder / "metrics.json"
        more = {"train/purity": share, "train/purity_all": 0.7}
        file.write_text(json.dumps(json.loads(file.read_text()) | more))
    rounds = pd.DataFrame({"round": [1, 2], "truth_precision": [0.3, 0.4]})
    rounds.to_csv(jobs[2].folder / "rounds.csv", index=False)
    table = chosen(jobs[:3]).set_index("entry")
    assert table.loc["bad", ["share", "before"]].to_list() == pytest.approx([0.85, 0.7])
    assert table.loc["good", "share"] == pytest.approx(0.4)
    assert table["before"].isna().to_list() == [False, True]


def test_costs_are_those_of_the_run_and_of_its_store(tmp_path: Path) -> None:
    run, store = tmp_path / "run", tmp_path / "store"
    run.mkdir()
    store.mkdir()
    (run / "config.yaml").write_text("data: {crops: {}}\n")
    assert seconds_of(run) == {}
    (run / "seconds.json").write_text(json.dumps({"fit_s": 9.0, "fit_core_s": 7.5}))
    assert seconds_of(run) == {"fit_core_s": 7.5}
    (run / "config.yaml").write_text(f"data: {{store: {store}}}\n")
    assert seconds_of(run) == {"fit_core_s": 7.5}  # of the store nothing is known
    (store / "recordings.csv").write_text("recording_id,duration_s\na,60\nb,30\n")
    (store / "seconds.json").write_text(json.dumps({"embed_s": 2.0, "embed_core_s": 3.0}))
    assert seconds_of(run) == {"fit_core_s": 7.5, "embed_core_s": 2.0}  # a minute of audio
