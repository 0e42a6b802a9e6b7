"""All pages name the same supported Python versions."""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CLASSIFIER = "Programming Language :: Python :: "
PYTHONS = [
    one.removeprefix(CLASSIFIER) for one in PROJECT["classifiers"] if one.startswith(CLASSIFIER)
]
MACHINES = {
    "Linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "Windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}


def locked(python: str, machine: str) -> list[Requirement]:
    """The packages that `pip install -r requirements.lock` installs, with their hashes."""
    lines = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    pins = [
        line.partition(" --hash=") for line in lines if line and not line.startswith((" ", "#"))
    ]
    assert all(hashes.startswith("sha256:") for _, _, hashes in pins)
    place = MACHINES[machine] | {"python_version": python, "python_full_version": f"{python}.0"}
    found = [Requirement(pin) for pin, _, _ in pins]
    return [one for one in found if one.marker is None or one.marker.evaluate(place)]


def test_the_classifiers_are_what_requires_python_allows() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed] == PYTHONS
    assert all(f"{python}.0" in allowed and f"{python}.99" in allowed for python in PYTHONS)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_one_fitting_version_of_each_dependency(python: str, machine: str) -> None:
    pins = locked(python, machine)
    several = {name for name, count in Counter(pin.name for pin in pins).items() if count > 1}
    assert not several
    versions = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}
    for line in [*PROJECT["dependencies"], *PYPROJECT["dependency-groups"]["dev"]]:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"python_version": python}):
            assert versions[wanted.name] in wanted.specifier, line


def test_the_lowest_python_is_the_one_that_is_made_locked_and_type_checked() -> None:
    lowest = PYTHONS[0]
    makefile = (ROOT / "Makefile").read_text()
    assert re.findall(r"PYTHON \?= python(\S+)", makefile) == [lowest]
    assert re.findall(r"--python-version (\S+)", makefile) == [lowest]
    assert PYPROJECT["tool"]["basedpyright"]["pythonVersion"] == lowest


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_a_page_names_these_pythons(page: str) -> None:
    names = f"Python {', '.join(PYTHONS[:-1])} or {PYTHONS[-1]}"
    assert names in " ".join((ROOT / page).read_text().split())


def test_the_tests_run_on_one_of_these_pythons() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in PYTHONS
