"""`rfcx-audio recipe` as users call it: own tables, archives, features, a kill, other settings."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import rfcx_audio
from conftest import forest_overrides
from embedded import embed, encoder_words
from pond import SPECIES, write_pond
from preloaded import run_module
from quick import SECONDS
from rfcx_audio.commands import recipe as module
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import Embedder
from stores import write_data

pytestmark = pytest.mark.slow

QUICK = [
    *(word for word in SECONDS if not word.startswith(("trainer.max_epochs", "data.crop_dur"))),
    *("trainer.max_epochs=1", "data.folds.num_folds=2", "callbacks.report.num_pictures=0"),
]
FOLDERS = ["folds", "scores", "calibration", "prevalence", "evaluation", "report"]


@pytest.fixture(scope="module")
def pond(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recipe of own tables, by the command: `out/`, and what it has printed."""
    root = write_pond(tmp_path_factory.mktemp("pond"))
    words = ["data=table", "data.root=labelled", "recordings=archive", "scale=laptop", "out=out"]
    words += [*QUICK, "data.crop_duration_s=2.0", f"paths.data_dir={root}", "precision=0.5"]
    done = run_module("rfcx_audio.recipe", *words, cwd=root)
    assert done.returncode == 0, done.stderr
    (root / "words.txt").write_text("\n".join(words))
    (root / "printed.txt").write_text(done.stdout + done.stderr)
    return root


def features(folder: Path) -> list[str]:
    """Data, a store of it and two further recordings; the words of a recipe on them."""
    write_data(folder / "own", 12)
    for name in ("dawn", "evening"):
        write_data(folder / name, 1)
        (folder / "new").mkdir(exist_ok=True)
        sound, rate = soundfile.read(next((folder / name / "audio").rglob("*.wav")))
        soundfile.write(folder / "new" / f"{name}.wav", sound * len(name) / 10, rate)
    store = folder / "store"
    embed(*encoder_words(folder), f"recordings={folder / 'own' / 'audio'}", f"out={store}")
    return [
        *("model=features", "data=table", f"data.root={folder / 'own'}", f"data.store={store}"),
        *("data.crops.crops_per_epoch=32", "data.batch_size=8", "trainer.max_epochs=1"),
        *("data.folds.num_folds=2", "callbacks.progress.refresh_rate=0", "data.num_workers=0"),
        f"recordings={folder / 'new'}",
    ]


def test_own_tables_become_models_scores_thresholds_and_a_page(pond: Path) -> None:
    out, printed = pond / "out", (pond / "printed.txt").read_text()
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == sorted(FOLDERS)
    raw = Scores.read(out / "scores" / "scores.parquet")
    members = [Scores.read(out / "scores" / f"fold_{n}" / "scores.parquet") for n in range(2)]
    assert set(raw.species) == set(SPECIES)
    assert raw.recordings == ["0/pond_12", "0/pond_14", "1/pond_13", "1/pond_15"]
    np.testing.assert_allclose(raw.values, (members[0].values + members[1].values) / 2, atol=1e-6)
    corrected = Scores.read(out / "prevalence" / "scores.parquet").metadata
    assert corrected["prior_correction"]["transductive"] is True
    assert "prior_correction" not in Scores.read(out / "calibration" / "scores.parquet").metadata
    page = (out / "report.html").read_text()
    assert "TRANSDUCTIVE" in page
    assert "complete truth" not in page.lower()
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)  # it needs no other file
    assert len(re.findall("data:image/png;base64,", page)) == 7
    assert all(f"step {n} of 6, {name}" in printed for n, name in enumerate(FOLDERS, start=1))


def test_the_cost_is_estimated_before_the_first_step(pond: Path) -> None:
    printed = (pond / "printed.txt").read_text()
    assert "an estimate of what is left" in printed
    cost = pd.read_csv(pond / "out" / "cost.csv").set_index("work")
    assert any(work.startswith("2 of 2 models, 4 steps of ") for work in cost.index)
    assert cost.loc["in all", "minutes"] > 0
    disk = sum(p.stat().st_size for p in pond.glob("out/folds/**/*.ckpt"))
    assert 0.3 < disk / 1e6 / cost["disk_mb"].filter(like="models, 4").sum() < 3


def test_the_next_commands_run_as_they_are_printed(pond: Path) -> None:
    printed = (pond / "printed.txt").read_text().splitlines()
    detect, ensemble, again = (line[6:] for line in printed if line.startswith("next: "))
    new = "archive/0"
    for line in (detect, ensemble.replace("…", new), again.replace("…", new)):
        program, verb, *words = shlex.split(line)
        assert program == "rfcx-audio"
        done = run_module(f"rfcx_audio.{verb}", *words, cwd=pond)
        # Of a network of four steps, no species may have a threshold.
        assert (
            done.returncode == 0
            or "have no threshold" in done.stderr
            or ("none of the species has a threshold" in done.stderr)
        ), done.stderr
    assert Scores.read(pond / "new" / "scores.parquet").recordings == ["pond_12", "pond_14"]


def test_a_second_call_finds_nothing_to_do(pond: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in pond.glob("out/**/*.*")}
    words = (pond / "words.txt").read_text().splitlines()
    done = run_module("rfcx_audio.recipe", *words, cwd=pond)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("finished before") == len(FOLDERS)
    assert "estimate" not in done.stdout
    after = {path: path.stat().st_mtime_ns for path in pond.glob("out/**/*.*")}
    assert after == before


def test_another_recording_is_scored_and_all_that_follows_is_made_again(
    pond: Path, tmp_path: Path
) -> None:
    words = (pond / "words.txt").read_text().splitlines()
    further = write_pond(tmp_path, labelled=0, new=17) / "archive" / "0" / "pond_16.wav"
    further.rename(pond / "archive" / "further.wav")
    kept = pond / "out" / "folds" / "fold_0" / "checkpoints" / "best.ckpt"
    before = kept.stat().st_mtime_ns
    done = run_module("rfcx_audio.recipe", *words, cwd=pond)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert printed.count("finished before") == 1
    assert printed.count("again: what it is made of has changed") == len(FOLDERS) - 1
    assert kept.stat().st_mtime_ns == before
    assert "further" in Scores.read(pond / "out" / "calibration" / "scores.parquet").recordings


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("trainer.max_epochs=2", r"-   max_epochs: 1\n\+   max_epochs: 2"),
        ("precision=0.9", r"- precision: 0.5\n\+ precision: 0.9"),
        ("recordings=labelled", "all 12 recordings of recordings=labelled have labels"),
        ("recordings=archive/0", r"- recordings: archive\n\+ recordings: archive/0"),
    ],
)
def test_other_settings_are_refused_by_name(
    pond: Path, word: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pond)
    words = (pond / "words.txt").read_text().splitlines()
    with pytest.raises(ValueError, match=named):
        rfcx_audio.recipe(*words, word)


def test_other_labels_are_refused(pond: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pond)
    table = pond / "labelled" / "a" / "pond_00.selections.txt"
    text = table.read_text()
    table.write_text("".join(text.splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match=r"36 rows then, 35 rows now"):
        rfcx_audio.recipe(*(pond / "words.txt").read_text().splitlines())
    table.write_text(text)


def test_features_killed_in_the_middle_go_on_to_the_same_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = features(tmp_path)
    whole = rfcx_audio.recipe(*words, out=tmp_path / "whole")
    line = [sys.executable, "-m", "rfcx_audio.recipe", *words, f"out={tmp_path / 'killed'}"]
    folds = tmp_path / "killed" / "folds"
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=-3) as process:
        while not (folds / "fold_0" / "finished").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (folds / "step.json").exists()
    trained = folds / "fold_0" / "checkpoints" / "best.ckpt"
    before = trained.stat().st_mtime_ns
    # What was embedded in the meantime is not embedded again.
    new, store = (f"recordings={tmp_path / 'new'}", f"out={tmp_path / 'store'}")
    embed(*encoder_words(tmp_path), new, store)
    monkeypatch.setattr(Embedder, "rows", lambda *_: pytest.fail("it embeds"))
    made = rfcx_audio.recipe(*words, out=tmp_path / "killed")
    assert trained.stat().st_mtime_ns == before
    assert len(made.checkpoints) == len(whole.checkpoints) == 2
    assert made.scores is not None
    assert whole.scores is not None
    one, other = Scores.read(made.scores), Scores.read(whole.scores)
    assert one.recordings == ["dawn", "evening"]
    np.testing.assert_array_equal(one.values, other.values)
    costs = [(tmp_path / name / "cost.csv").read_text() for name in ("whole", "killed")]
    assert ["to embed" in cost for cost in costs] == [True, False]


def test_ctrl_c_is_answered_with_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(config: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "make", interrupted)
    with pytest.raises(SystemExit) as stopped:
        module.run(rfcx_audio.load_config("recipe", [f"out={tmp_path}"]))
    assert stopped.value.code == 130
    assert f"give the same command with out={tmp_path}" in caplog.text


def test_truth_of_a_data_set_is_compared_with_in_the_end_only(forest: Path, tmp_path: Path) -> None:
    words = [*forest_overrides(forest), *QUICK, "data.crop_duration_s=3.0", "scale=laptop"]
    words += ["data/reader=direct", "precision=0.5"]
    made = rfcx_audio.recipe(*words, out=tmp_path / "out")
    metrics = pd.read_csv(made.folder / "evaluation" / "metrics.csv").set_index("scores")
    assert metrics.index[1] == "calibrated"
    assert "TRANSDUCTIVE" in metrics.index[2]
    assert len(metrics) == 5  # with the baselines
    assert metrics["lwlrap"].notna().all()
    assert metrics["recordings"].iloc[0] == 6
    # No fold was tested on it.
    folds = pd.read_csv(made.folder / "folds" / "folds.csv")
    assert not [name for name in folds if name.startswith("test/")]
    assert "complete truth" in made.report.read_text().lower()


def test_tables_of_presences_only_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    write_data(tmp_path / "own", 4)
    table = pd.read_csv(tmp_path / "own" / "labels.csv")
    table[table["present"] == 1].to_csv(tmp_path / "own" / "labels.csv", index=False)
    words = ["data=table", f"data.root={tmp_path / 'own'}"]
    with pytest.raises(ValueError, match=r"no row .* states an absence.*data.source.complete"):
        rfcx_audio.recipe(*words, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_by_teachers_that_saw_the_rows_are_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    root = write_pond(tmp_path, labelled=6, new=0)
    names = [f"{'ab'[number % 2]}/pond_{number:02d}" for number in range(6)]
    parts = [Scores.of_windows(name, [0.0], 2.0, np.full((1, 3), 0.5)) for name in names]
    soft = Scores.concatenate([replace(part, species=tuple(SPECIES)) for part in parts])
    words = ["data=table", f"data.root={root / 'labelled'}", "scale=laptop", *QUICK]
    words += [f"data.soft_labels={tmp_path / 'soft.parquet'}", "data.crop_duration_s=2.0"]
    replace(soft, metadata={"soft_labels": {"teachers_saw": names[:1]}}).write(
        tmp_path / "soft.parquet"
    )
    with pytest.raises(ValueError, match=r"teachers of data.soft_labels saw .* \('a/pond_00'\)"):
        rfcx_audio.recipe(*words, out=tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.ckpt"))
