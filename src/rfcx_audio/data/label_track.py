"""Label tracks of Audacity: start, end, label; below it, where there are any, a band."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError
from rfcx_audio.data.table_columns import ALIASES

_NUMBER = r"-?\d+(?:[.,]\d+)?(?:e-?\d+)?"
_LABEL = re.compile(rf"{_NUMBER}\t{_NUMBER}(\t|$)", re.IGNORECASE)


def is_label_track(first_line: str) -> bool:
    """Whether a file that begins with this line is a label track: with two numbers, and a tab."""
    return _LABEL.match(first_line) is not None


def label_track(path: Path, content: str) -> pd.DataFrame:
    """A label track as text, in the fields of `ALIASES` with `line`.

    Args:
        path: of the file, for messages.
        content: of the file. Where the comma is the decimal sign, Audacity writes it.

    Raises:
        AnnotationError: a line is neither a label nor the band of one.
    """
    rows: list[dict[str, object]] = []
    for line, words in enumerate(content.split("\n"), start=1):
        cells = [cell.strip() for cell in words.split("\t")]
        if not words.strip():
            continue
        if cells[0] == "\\" and len(cells) == 3 and rows:
            rows[-1] |= {"f_min": cells[1], "f_max": cells[2]}
        elif len(cells) in (2, 3):
            label = {"t_min": cells[0], "t_max": cells[1], "species": "".join(cells[2:])}
            rows.append({**dict.fromkeys(ALIASES, ""), **label, "line": line})
        else:
            raise AnnotationError(
                f"{path} line {line}: {words!r} is neither start, end, label nor a backslash, low "
                "and high frequency, with tabs between them; export the label track again"
            )
    table = pd.DataFrame(rows, columns=["line", *ALIASES])
    for column in ("t_min", "t_max", "f_min", "f_max"):
        table[column] = table[column].astype(str).str.replace(",", ".", regex=False)
    return table
