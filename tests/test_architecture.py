"""The architecture: which folder may import which, and that only `config.py` imports Hydra."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import rfcx_audio
from rfcx_audio import cli

PACKAGE = Path(rfcx_audio.__file__).parent
TESTS = Path(__file__).parent
# The floors of the house. Events and pseudo-labels start from `Scores`, so they stand
# above `scores`; validation and reports share the windows of `scoring`, so `method` and `callbacks`
# stand above it. The room of exported graphs is called `graph`: `rfcx_audio.export` is a command.
FLOORS = {
    "batch": 0,
    "config": 0,
    "colours": 0,
    "hardware": 0,
    "rates": -1,  # which `config` reads, as the six below
    "renamed": -1,
    "meant": -1,
    "path_words": -1,
    "refusals": -1,
    "short_words": -1,
    "tracked": 0,
    "screen": 0,
    "unsettled": -1,
    "verdicts": 0,
    "versions": 0,
    "whole_files": 0,
    "data": 1,
    "encoders": 1,
    "frontend": 1,
    "augment": 1,
    "model": 1,
    "loss": 1,
    "metric": 1,
    "scores": 2,
    "events": 3,
    "labelling": 3,
    "scoring": 3,
    "method": 4,
    "callbacks": 4,
    "queues": 4,
    "experiment": 5,
    "graph": 5,
    "page": 5,
    "commands": 6,
    "__main__": 8,
}
ENTRY_POINT_FLOOR = 7
FILES = sorted(PACKAGE.rglob("*.py"))
STUDIES = TESTS.parent / "studies"
BESIDE = {"studies", "benchmarks", "conf"}
"""Folders beside the package that may import it."""


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_from_lower_floors(path: Path) -> None:
    here = room_of(path)
    floor = FLOORS.get(here, ENTRY_POINT_FLOOR)
    for name in imported(path):
        if not name.startswith("rfcx_audio."):
            continue
        there = name.split(".")[1]
        assert there == here or FLOORS.get(there, ENTRY_POINT_FLOOR) < floor, f"{here} -> {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_config_knows_hydra(path: Path) -> None:
    knows = {name.split(".")[0] for name in imported(path)} & {"hydra", "omegaconf"}
    assert not knows or path == PACKAGE / "config.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_imports_nothing_that_stands_beside_it(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & BESIDE


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.py")), ids=lambda path: path.name)
def test_studies_know_no_hydra_and_are_tested_in_the_file_of_their_name(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported(path)} & {"hydra", "omegaconf"}
    stem = path.stem.strip("_")
    assert stem == "init" or (TESTS / "studies" / f"test_{stem}.py").exists()


@pytest.mark.parametrize("room", ["scores", "events"])
def test_answers_come_from_scores_without_a_network(room: str) -> None:
    for path in (PACKAGE / room).glob("*.py"):
        text = path.read_text()
        assert not any(
            name.startswith(("torch.nn.", "lightning", "timm")) for name in imported(path)
        )
        assert "nn.Module" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_keys_of_scores_are_listed_in_one_place(path: Path) -> None:
    if path == PACKAGE / "scores" / "known.py":
        return
    keys = ["recording_id", "t_min", "t_max"]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            values = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            assert values != keys, f"{path.name} line {node.lineno}: use scores.WINDOW"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_precision_is_decided_in_one_place(path: Path) -> None:
    assert "bfloat16" not in path.read_text() or path == PACKAGE / "hardware.py"


def test_the_synthetic_rainforest_does_not_need_torch() -> None:
    for path in (PACKAGE / "data" / "synthetic").glob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & {"torch", "torchaudio"}


def test_every_module_is_tested_in_the_file_of_its_name() -> None:
    exempt = {"__init__", "__main__"}
    for path in FILES:
        inside = path.relative_to(PACKAGE)
        if path.stem in exempt or inside.parts[0] == "batch.py":
            continue
        is_verb = path.parent == PACKAGE and path.stem in cli.VERBS
        mirrored = TESTS / ("commands" if is_verb else inside.parent) / f"test_{path.name}"
        assert mirrored.exists(), f"{inside} has no {mirrored.relative_to(TESTS)}"


@pytest.mark.parametrize("verb", cli.VERBS)
def test_a_verb_holds_nothing_but_its_entry_point(verb: str) -> None:
    lines = (PACKAGE / f"{verb}.py").read_text().splitlines()
    assert len(lines) < 20
    assert f"    from rfcx_audio.commands.{verb} import run" in lines


def test_public_names_exist_and_are_documented() -> None:
    for init in PACKAGE.rglob("__init__.py"):
        module = ".".join(["rfcx_audio", *init.relative_to(PACKAGE).parts[:-1]])
        room = __import__(module, fromlist=["__name__"])
        for name in getattr(room, "__all__", ()):
            assert hasattr(room, name), f"{module}.{name}"
            thing = getattr(room, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                assert thing.__doc__, f"{module}.{name} has no docstring"


def test_importing_the_package_is_silent_and_light() -> None:
    script = (
        "import sys, rfcx_audio; "
        "print(sorted({'torch', 'hydra', 'pandas', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert not done.stderr
