from __future__ import annotations

import json
from pathlib import Path
from time import sleep

import pytest

from benchmarks import gpu_test
from benchmarks.gpu_test import Keeper, marked_tests, try_all
from benchmarks.limit import Limit
from benchmarks.techniques import Technique, techniques
from benchmarks.trial import Ground, tried
from benchmarks.trial_outcome import OK, Outcome
from benchmarks.waits import Waits

THREE = [Technique(name, ()) for name in ("a", "b", "c")]


class Unprepared(Ground):
    """Data without recordings."""

    def prepare(self) -> None: ...


def written(path: Path) -> dict[str, str]:
    found = json.loads(path.read_text())["techniques"]
    return {one["name"]: one["outcome"] for one in found}


def test_the_file_has_every_outcome_as_soon_as_it_is_known(tmp_path: Path) -> None:
    keep, seen = Keeper(tmp_path / "found.json", "cpu"), []

    def attempt(technique: Technique, ground: Ground, folder: Path) -> Outcome:
        seen.append(list(written(keep.path)) if keep.path.exists() else [])
        return Outcome(technique.name, OK)

    try_all(THREE, Unprepared(tmp_path, "cpu"), Limit(60), keep, attempt)
    assert seen == [[], ["a"], ["a", "b"]]
    assert keep.passed
    assert written(keep.path) == dict.fromkeys("abc", OK)


def test_techniques_beyond_the_limit_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = Keeper(tmp_path / "found.json", "cpu")

    def attempt(technique: Technique, ground: Ground, folder: Path) -> Outcome:
        sleep(0 if technique.name == "a" else 20)
        return Outcome(technique.name, OK)

    try_all(THREE, Unprepared(tmp_path, "cpu"), Limit(0.5), keep, attempt)
    found = written(keep.path)
    assert found["a"] == OK
    assert found["b"].startswith("not run: interrupted")
    assert found["c"] == "not run: the limit of 0.5 s is reached"
    assert not keep.passed
    assert "1 ran, 0 failed, 2 were not run" in keep.summary()
    assert "c " in capsys.readouterr().out


def test_one_that_fails_is_reported_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Technique("wrong", ("loss=bce", "method.reduction=nonsense"))
    monkeypatch.setattr(gpu_test, "techniques", lambda: [wrong])
    code = gpu_test.main(["--device", "cpu", "--only", "wrong", "--results", str(tmp_path)])
    assert code == 1
    (path,) = (tmp_path / "techniques").glob("*.json")
    assert written(path)["wrong"].startswith("train: ")
    assert "nonsense" in written(path)["wrong"]
    assert "0 ran, 1 failed" in capsys.readouterr().out


@pytest.mark.slow
def test_a_technique_is_trained_tested_used_and_exported(tmp_path: Path) -> None:
    ground = Ground(tmp_path, "cpu")
    ground.prepare()
    technique = next(one for one in techniques() if one.name == "loss=bce")
    outcome = tried(technique, ground, tmp_path / "run")
    assert (outcome.outcome, outcome.peak_mb, outcome.waits) == (OK, None, None)
    assert Waits.watched == 2  # the second batch on its way, and the second step
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()
    assert (tmp_path / "run" / "scores" / "scores.parquet").exists()
    assert len(list((tmp_path / "run" / "artefact").iterdir())) == 2
    assert "test/lwlrap" in (tmp_path / "run" / "csv" / "metrics.csv").read_text()


@pytest.mark.slow
def test_only_files_with_marked_tests_are_read_and_a_failing_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text("import no_such_package\n")
    marked = "import pytest\n\n@pytest.mark.gpu\ndef test_it():\n    assert {}\n"
    (tmp_path / "test_marked.py").write_text(marked.format("True"))
    assert marked_tests(Limit(200), "cpu", tmp_path).outcome == OK
    (tmp_path / "test_marked.py").write_text(marked.format("False"))
    assert "test_it" in marked_tests(Limit(200), "cpu", tmp_path).outcome
    assert marked_tests(Limit(0.2), "cpu", tmp_path).outcome.startswith("not run")


def test_without_a_gpu_the_error_names_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="--device cpu"):
        gpu_test.main([])
