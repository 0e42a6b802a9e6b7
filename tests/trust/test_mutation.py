from __future__ import annotations

import json
from pathlib import Path

import pytest

from trust import mutation

MUTATED = """
def x_double__mutmut_orig(x):
    return 2 * x

def x_double__mutmut_1(x):
    return 3 * x

def x_double__mutmut_2(x):
    return 2 / x

class Twice:
    def xǁTwiceǁ__call____mutmut_orig(self, x):
        return double(x, device=x.device)

    def xǁTwiceǁ__call____mutmut_1(self, x):
        return double(x, device=None)
"""


def mutants(root: Path, **codes: int | None) -> None:
    by_name = {"double__mutmut_1": 1, "double__mutmut_2": 0, "Twiceǁ__call____mutmut_1": 0} | codes
    keys = {
        f"rfcx_audio.loss.two.x{'ǁ' * name.startswith('T') or '_'}{name}": code
        for name, code in by_name.items()
    }
    (root / "two.py").write_text(MUTATED)
    (root / "two.py.meta").write_text(json.dumps({"exit_code_by_key": keys}))


def test_survivors_are_listed_with_the_changed_line(tmp_path: Path) -> None:
    mutants(tmp_path)
    found = list(mutation.read_mutants(tmp_path))
    assert [module for module, _ in found] == ["loss.two"] * 3
    assert [survivor for _, survivor in found] == [
        None,
        mutation.Survivor("loss.two.double", "return 2 * x", "return 2 / x"),
        mutation.Survivor(
            "loss.two.Twice.__call__",
            "return double(x, device=x.device)",
            "return double(x, device=None)",
        ),
    ]


def test_a_mutant_that_was_not_tried_is_an_error(tmp_path: Path) -> None:
    mutants(tmp_path, double__mutmut_1=None)
    with pytest.raises(SystemExit, match="continue with mutmut run"):
        list(mutation.read_mutants(tmp_path))


def test_a_survivor_without_a_reason_is_an_error(tmp_path: Path) -> None:
    mutants(tmp_path)
    with pytest.raises(SystemExit, match="1 mutants are neither"):
        mutation.main(tmp_path, tmp_path)
    table = (tmp_path / "mutation.csv").read_text()
    assert table.splitlines()[-1] == "all,3,1,1,1"
    text = (tmp_path / "mutation.md").read_text()
    assert "**LEFT** (1)\n\n```diff\n# loss.two.double\n-return 2 * x\n+return 2 / x" in text
    mutants(tmp_path, double__mutmut_2=3)
    mutation.main(tmp_path, tmp_path)
    assert "LEFT" not in (tmp_path / "mutation.md").read_text()
