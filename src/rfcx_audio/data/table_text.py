"""Text files of tables: their first line, and their columns by name."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError, listing


def frame_of(path: Path, content: str, separator: str) -> pd.DataFrame:
    """A table with column names as text, with the `line` of each row; blank lines left out."""
    quoting = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(content), delimiter=separator, quoting=quoting)
    header: list[str] = []
    rows, faults = [], []
    for cells in reader:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if not header:
            header = values
        elif len(values) > len(header):
            faults.append(
                f"{path} line {reader.line_num}: {len(values)} values for {len(header)} columns; "
                "quote what holds a separator"
            )
        else:
            rows.append([*values, *[""] * (len(header) - len(values)), reader.line_num])
    if faults:
        raise AnnotationError(listing(faults))
    table = pd.DataFrame(rows, columns=pd.Index([*header, "line"]))
    return table.loc[:, ~table.columns.duplicated(keep="last")]


def first_line(path: Path) -> str:
    """The first line of a file that is not empty.

    Raises:
        AnnotationError: see `text_of`.
    """
    return text_of(path).lstrip("\r\n").partition("\n")[0].rstrip("\r")


def text_of(path: Path) -> str:
    """What a file holds.

    Raises:
        AnnotationError: it is missing, or not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise AnnotationError(
            f"{path} does not exist; a folder of labels holds Raven, Audacity or CSV tables (set "
            "data.root)"
        ) from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path} is no text in UTF-8 ({error}); save it as such") from None
