"""What `import rfcx_audio` gives: public names, imported when they are used, with examples."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pandas as pd
import pytest
import torch

import rfcx_audio
from archives import write_checkpoint, write_recordings
from reviews import filled
from rfcx_audio.verdicts import ABSENT, PRESENT, Verdict

SLOW = {"recipe", "train"}
PACKAGE = Path(rfcx_audio.__file__).parent
NAMES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name in rfcx_audio.__all__
]


@pytest.fixture
def place(tmp_path: Path, forest: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the examples: a checkpoint, two recordings, labels, verdicts."""
    write_checkpoint(tmp_path).rename(tmp_path / "best.ckpt")
    (tmp_path / "audio").mkdir()
    for path, name in zip(write_recordings(tmp_path, 2).values(), ("dawn", "dusk"), strict=True):
        path.rename(tmp_path / "audio" / f"{name}.wav")
    row = {"recording_id": ["dawn"], "species_id": [1], "t_min": [0.5], "t_max": [2.0]}
    pd.DataFrame(row).to_csv(tmp_path / "truth.csv", index=False)
    (tmp_path / "rfcx").mkdir()
    for part in ("train", "train_tp.csv", "train_fp.csv"):
        (tmp_path / "rfcx" / part).symlink_to(forest / part)
    given = (ABSENT, PRESENT, PRESENT, PRESENT)
    filled(tmp_path).record(Verdict(n + 1, "ana", one, f"{n}") for n, one in enumerate(given))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_public_name_run(name: str) -> None:
    run_examples(getattr(rfcx_audio, name).__doc__, name)


@pytest.mark.usefixtures("place")
def test_the_example_of_the_package_runs() -> None:
    run_examples(rfcx_audio.__doc__, "rfcx_audio")


def run_examples(text: str | None, name: str) -> None:
    names = {"rfcx_audio": rfcx_audio, "torch": torch, "pd": pd}
    test = doctest.DocTestParser().get_doctest(text or "", names, name, None, None)
    assert test.examples
    report: list[str] = []
    outcome = doctest.DocTestRunner().run(test, out=report.append)
    assert not outcome.failed, "".join(report)


def test_names_are_imported_when_they_are_used() -> None:
    script = (
        "import sys, rfcx_audio\n"
        "assert set(rfcx_audio.__all__) <= set(dir(rfcx_audio))\n"
        "print('torch' in sys.modules)\n"
        "rfcx_audio.Labels\n"
        "print('torch' in sys.modules, 'pandas' in sys.modules)\n"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'rfcx_audio' has no attribute 'lod'"):
        rfcx_audio.lod  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    homes = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == rfcx_audio._HOMES


@pytest.mark.parametrize("verb", ["train", "predict", "evaluate", "detect", "recipe"])
@pytest.mark.parametrize("module_first", [True, False])
def test_a_function_goes_before_the_module_of_its_name(
    verb: str, module_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"rfcx_audio.{verb}", raising=False)
    monkeypatch.delitem(vars(rfcx_audio), verb, raising=False)
    if not module_first:
        assert inspect.isfunction(getattr(rfcx_audio, verb))
    module = importlib.import_module(f"rfcx_audio.{verb}")  # which sets it in the package
    assert module is sys.modules[f"rfcx_audio.{verb}"]
    assert module.main.__module__ == f"rfcx_audio.{verb}"
    function = getattr(rfcx_audio, verb)
    assert inspect.isfunction(function)
    assert function is resolve_name(rfcx_audio._HOMES[verb])


def test_other_modules_are_found_in_the_package() -> None:
    module = importlib.import_module("rfcx_audio.calibrate")
    assert rfcx_audio.calibrate is module
