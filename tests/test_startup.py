"""The help of a command imports no heavy library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rfcx_audio

PACKAGE = Path(rfcx_audio.__file__).parent
VERBS = sorted(path.stem for path in PACKAGE.glob("*.py") if "@entry_point(" in path.read_text())
HEAVY = ("matplotlib", "numpy", "pandas", "pytorch_lightning", "rich", "scipy", "timm", "torch")
EAGER = {
    *("calibrate", "detect", "ensemble", "evaluate", "export"),
    *("predict", "prevalence", "selection", "study"),
}
"""The verbs whose files still import the whole library; remove each that no longer does."""

WATCHED = f"""
import runpy, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in {HEAVY!r}:
            sys.exit("it imports " + name)  # not an ImportError, which a library may catch

verb = sys.argv.pop(1)
sys.meta_path.insert(0, Watch())
runpy.run_module(verb, run_name="__main__", alter_sys=True)
"""


def help_of(verb: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCHED, f"rfcx_audio.{verb}", "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def marked(verb: str) -> object:
    eager = pytest.mark.xfail(reason="imports the library first", raises=ImportError, strict=True)
    return pytest.param(verb, marks=eager if verb in EAGER else ())


@pytest.mark.parametrize("verb", [marked(verb) for verb in VERBS])
def test_help_imports_no_heavy_library(verb: str) -> None:
    done = help_of(verb)
    if "it imports" in done.stderr:
        raise ImportError(done.stderr)  # what the marks above expect, and nothing else
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr


def test_the_verbs_are_found_and_a_heavy_import_is_noticed() -> None:
    assert {"train", "predict"} <= set(VERBS)
    assert help_of("data").stderr.startswith("it imports ")
