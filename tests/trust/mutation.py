"""`python tests/trust/mutation.py MUTANTS FOLDER`: the results of mutmut as a page."""

from __future__ import annotations

import ast
import csv
import difflib
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ARGUED = Path(__file__).with_name("survivors.toml")
FOUND = (1, 3, 36, -24, 24, 152, 255)
"""Exit codes of failed tests and of time-outs: the mutant is found."""
HEAD = """# Mutants

Written by `make mutation`: mutmut changes one thing in the code of the losses, metrics, labels and
windows (a number, an operator, a comparison, an argument, a word) and runs the tests of that file;
a mutant is found if a test fails. The files and tests are listed in `pyproject.toml`,
`[tool.mutmut]`. Code outside of functions (constants, tables) is not changed; tests marked `slow`
are left out.
"""


class Survivor(NamedTuple):
    """A mutant that no test found.

    Attributes:
        function: dotted name within the package.
        before: the original line.
        after: the mutant's line; empty if it was removed.
    """

    function: str
    before: str
    after: str


def read_mutants(root: Path) -> Iterator[tuple[str, Survivor | None]]:
    """Every mutant: its module, and the survivor if it is one.

    Args:
        root: the working folder of mutmut.

    Raises:
        SystemExit: mutmut has not tried all mutants.
    """
    for meta in sorted(root.rglob("*.py.meta")):
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        functions = _functions(meta.with_suffix("").read_text())
        for key, code in codes.items():
            module, _, name = key.removeprefix("rfcx_audio.").rpartition(".")
            if code is None:
                raise SystemExit(f"{key} was not tried; continue with mutmut run")
            base = name.rpartition("__mutmut_")[0]
            # mutmut sets the name of a function behind x_, and that of a class between two ǁ.
            plain = f"{module}.{re.sub('^x_|^xǁ', '', base).replace('ǁ', '.')}"
            pair = functions[f"{base}__mutmut_orig"], functions[name]
            yield module, None if code in FOUND else Survivor(plain, *_difference(*pair))


def why(survivor: Survivor, rules: list[dict[str, str]]) -> str:
    """The reason of the first rule that matches, or an empty string.

    Args:
        survivor: to be explained.
        rules: regular expressions `function`, `before` and `after`, each optional, and `why`.
    """
    for rule in rules:
        fields = survivor._asdict().items()
        if all(re.search(rule.get(name, ""), value) for name, value in fields):
            return rule["why"]
    return ""


def page(rows: list[dict[str, str | int]], argued: dict[str, list[Survivor]]) -> str:
    """Markdown: a row for each module, then the survivors by reason."""
    text = [HEAD, "| module | mutants | found | argued away | left |", "|---|---:|---:|---:|---:|"]
    text += [f"| {' | '.join(str(value) for value in row.values())} |" for row in rows]
    text += ["\n## Those that no test can or need find\n"]
    for reason, survivors in argued.items():
        text += [f"**{reason or 'LEFT'}** ({len(survivors)})\n", "```diff"]
        for one in survivors:
            text += [f"# {one.function}", f"-{one.before}", f"+{one.after}"]
        text += ["```\n"]
    return "\n".join(text)


def _functions(source: str) -> dict[str, list[str]]:
    lines = source.splitlines()
    return {
        node.name: [
            lines[node.lineno - 1].replace(node.name, ""),
            *lines[node.lineno : node.end_lineno],
        ]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    }


def _difference(before: list[str], after: list[str]) -> tuple[str, str]:
    lines = [one for one in difflib.ndiff(before, after) if one[0] in "+-"]
    old, new = ([one[2:].strip() for one in lines if one[0] == sign] for sign in "-+")
    return " ".join(old), " ".join(new)


def main(root: Path, folder: Path) -> None:
    """Writes `mutation.md` and `mutation.csv`.

    Raises:
        SystemExit: a mutant is neither found nor argued away.
    """
    rules = tomllib.loads(ARGUED.read_text())["argued"]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    argued: dict[str, list[Survivor]] = defaultdict(list)
    for module, survivor in read_mutants(root):
        counts[module][0] += 1
        reason = why(survivor, rules) if survivor else ""
        counts[module][1 if survivor is None else 2 if reason else 3] += 1
        if survivor:
            argued[reason].append(survivor)
    names = ("module", "mutants", "found", "argued", "left")
    sums = [sum(values) for values in zip(*counts.values(), strict=True)]
    rows = [
        dict(zip(names, (module, *values), strict=True))
        for module, values in (*counts.items(), ("all", sums))
    ]
    (folder / "mutation.md").write_text(page(rows, argued))
    with (folder / "mutation.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if sums[3]:
        raise SystemExit(f"{sums[3]} mutants are neither found nor argued away: see mutation.md")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
