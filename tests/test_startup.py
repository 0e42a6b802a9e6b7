"""The help of a command imports no heavy library, and its first use prints nothing of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rfcx_audio
from rfcx_audio import cli
from rfcx_audio.config import help_header

PACKAGE = Path(rfcx_audio.__file__).parent
VERBS = sorted(path.stem for path in PACKAGE.glob("*.py") if "@entry_point(" in path.read_text())
HEAVY = ("matplotlib", "numpy", "pandas", "pytorch_lightning", "rich", "scipy", "timm", "torch")
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


def watched(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WATCHED, module, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_help_imports_no_heavy_library(verb: str) -> None:
    done = watched(f"rfcx_audio.{verb}", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(help_header(verb))
    assert not done.stderr


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"], ["predict", "--help"]])
def test_the_one_command_imports_no_heavy_library(words: list[str]) -> None:
    done = watched("rfcx_audio", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr


def test_what_trains_nothing_waits_for_no_lightning() -> None:
    line = """
import importlib, sys
for verb in ("evaluate", "calibrate", "prevalence", "ensemble", "detect"):
    importlib.import_module(f"rfcx_audio.commands.{verb}")
    if found := {*sys.modules} & {"pytorch_lightning", "sklearn", "timm"}:
        sys.exit(f"{verb} imports {found}")
"""
    command = [sys.executable, "-c", line]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_verbs_are_found_and_a_heavy_import_is_noticed() -> None:
    assert set(VERBS) == set(cli.VERBS)
    assert watched("rfcx_audio.data").stderr.startswith("it imports ")


@pytest.mark.slow
def test_the_first_command_of_a_user_does_not_list_fonts(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "rfcx_audio.train",
        "data=rfcx",
        f"data.root={tmp_path / 'no'}",
    ]
    fresh = {**os.environ, "MPLCONFIGDIR": str(tmp_path / "fonts")}
    ended = subprocess.run(
        command, cwd=tmp_path, env=fresh, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert list((tmp_path / "fonts").glob("fontlist*"))  # it was made
    assert "font" not in ended.stdout + ended.stderr
