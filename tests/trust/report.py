"""`python tests/trust/report.py LEDGER PAGE`: the ledger of the tests as a page."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

PARTS = (
    "Interruption",
    "Bad audio",
    "Bad tables and configurations",
    "Hostile input",
    "Runs and their results",
    "Truth and evidence",
    "Numerics",
    "Mutation",
)
HEAD = """# Reliability

Written by `make trust` from the counts of the tests in `tests/trust/`: each promise, the number of
cases tried, and the number of cases lost, in which the promise was broken.
"""


def page(lines: list[dict]) -> str:
    """Markdown: a table for each part, a row for each promise.

    Args:
        lines: of the ledger; the lines of one promise are summed.
    """
    rows: dict[tuple[str, str], list[int]] = {}
    notes: dict[str, None] = {}
    for line in lines:
        row = rows.setdefault((line["part"], line["promise"]), [0, 0])
        row[0] += line["tried"]
        row[1] += line["lost"]
        if line["note"]:
            notes[f"{line['promise']}: {line['note']}"] = None
    tried, lost = (sum(row[i] for row in rows.values()) for i in range(2))
    text = [HEAD, f"**{_number(tried)} cases tried, {_number(lost)} lost.**\n"]
    parts = [*PARTS, *sorted({part for part, _ in rows} - set(PARTS))]
    for part in parts:
        mine = {promise: row for (other, promise), row in rows.items() if other == part}
        if mine:
            text += [f"## {part}\n", "| promised | tried | lost |", "|---|---:|---:|"]
            text += [f"| {p} | {_number(t)} | {_number(n)} |" for p, (t, n) in mine.items()]
            text.append("")
    if notes:
        text += ["## Known faults\n", *(f"* {note}" for note in notes), ""]
    return "\n".join(text)


def _number(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def of_mutants(table: Path) -> dict[str, Any]:
    """A line of the ledger for the mutants of the last `make mutation`."""
    with table.open(newline="") as file:
        total = next(row for row in csv.DictReader(file) if row["module"] == "all")
    promise = (
        "a fault put into losses, metrics, labels or windows is found by a test "
        f"({total['found']}), or argued to be none ({total['argued']}): [mutation.md](mutation.md)"
    )
    return {
        "part": "Mutation",
        "promise": promise,
        "tried": int(total["mutants"]),
        "lost": int(total["left"]),
        "note": "",
    }


def main(ledger: Path, target: Path) -> None:
    """Writes the page; `mutation.csv` is in the same folder.

    Raises:
        SystemExit: the ledger is empty, or a case was lost for no known reason.
    """
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    if not lines:
        raise SystemExit(f"{ledger} is empty: no test with a promise has run")
    lines.append(of_mutants(target.with_name("mutation.csv")))
    target.write_text(page(lines))
    if any(line["lost"] and not line["note"] for line in lines):
        raise SystemExit(f"cases were lost, see {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
