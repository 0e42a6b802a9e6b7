"""Text files of tables: their text, their first line, and their columns by name."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError, listing

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])")  # which Excel writes above the names of the columns
_QUOTED = re.compile(r'"((?:[^"]|\\"|"")*)"')  # R escapes a quote by a backslash, others double it


def frame_of(path: Path, content: str) -> pd.DataFrame:
    """A table with column names as text, with the `line` of each row; blank lines left out.

    Args:
        path: of the file, for messages.
        content: of the file, see `text_of`.

    Raises:
        AnnotationError: a row has more cells than there are columns, or quotes are broken.
    """
    header: list[str] = []
    rows, faults = [], []
    for values, line in _lines(path, content):
        if not header:
            header = values
        elif len(values) > len(header):
            faults.append(
                f"{path} line {line}: {len(values)} values for {len(header)} columns; quote what "
                "holds a separator, and write no row names (in R: row.names = FALSE)"
            )
        else:
            rows.append([*values, *[""] * (len(header) - len(values)), line])
    if faults:
        raise AnnotationError(listing(faults))
    table = pd.DataFrame(rows, columns=pd.Index([*header, "line"]))
    return table.loc[:, ~table.columns.duplicated(keep="last")]


def columns_of(path: Path, content: str) -> list[str]:
    """The names of the columns of a table; none in an empty one."""
    return next((cells for cells, _ in _lines(path, content)), [])


def separator_of(content: str) -> str:
    """What stands between the cells of the first line with text: a tab, a semicolon or a comma."""
    first = first_line(content)
    stated = _SEPARATOR_LINE.fullmatch(first)
    if stated is not None:
        return stated[1]
    first = re.sub(r'"[^"]*"', "", first)
    return next((mark for mark in "\t;" if mark in first), ",")


def first_line(content: str) -> str:
    """The first line of a file that is not empty."""
    return content.lstrip("\n").partition("\n")[0]


def text_of(path: Path) -> str:
    r"""What a file holds, with `\n` at the end of lines and letters in one Unicode form (NFC).

    Raises:
        AnnotationError: it is missing or cannot be opened, or is neither in UTF-8 nor, with a byte
            order mark, in UTF-16.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise AnnotationError(
            f"{path} does not exist; a folder of labels holds Raven, Audacity or CSV tables (set "
            "data.root)"
        ) from None
    except OSError as error:
        raise AnnotationError(f"{path} cannot be opened: {error.strerror}") from None
    try:
        text = content.decode("utf-16" if content[:2] in _UTF_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path} is no text in UTF-8 ({error}); save it as such") from None
    if "\0" in text:
        raise AnnotationError(f"{path} is no text in UTF-8 (it holds zero bytes); save it as such")
    # A Mac writes an accent as a letter of its own, other systems a letter with an accent.
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _lines(path: Path, content: str) -> Iterator[tuple[list[str], int]]:
    """The lines with cells, see `_cells`; without the one in which Excel names the separator."""
    separator = separator_of(content)
    for values, line in _cells(path, content, separator):
        if any(values) and not (line == 1 and _SEPARATOR_LINE.fullmatch(separator.join(values))):
            yield values, line


def _cells(path: Path, content: str, separator: str) -> Iterator[tuple[list[str], int]]:
    """The cells of each line, without blanks and quotes around them, and the number of the line."""
    if separator == "\t":  # Raven writes a quote as it is: only those around a whole cell are taken
        for number, line in enumerate(content.split("\n"), start=1):
            yield [_unquoted(cell.strip()) for cell in line.split("\t")], number
        return
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
    try:
        for cells in reader:
            yield [cell.strip() for cell in cells], reader.line_num
    except csv.Error as error:
        raise AnnotationError(
            f"{path} line {reader.line_num}: {error}; close what a quote opens"
        ) from None


def _unquoted(cell: str) -> str:
    found = _QUOTED.fullmatch(cell)
    return cell if found is None else found[1].replace('\\"', '"').replace('""', '"').strip()
