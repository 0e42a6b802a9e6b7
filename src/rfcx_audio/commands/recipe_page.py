"""The page of a recipe: one HTML file with its tables and pictures inside, for any browser."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-size: 0.85rem; display: block; overflow-x: auto; }
th, td { padding: 0.15rem 0.6rem; border-bottom: 1px solid #e5e5e5; text-align: right; }
th:first-child, td:first-child { text-align: left; }
thead th { position: sticky; top: 0; background: #f4f4f4; }
img { max-width: 100%; }
figure { margin: 1rem 0; }
pre { background: #f4f4f4; padding: 0.7rem; overflow-x: auto; }
.warning { background: #fff4d6; padding: 0.7rem; border-left: 4px solid #E69F00; }
"""


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        title: of it.
        parts: HTML, as `paragraph`, `warning`, `table`, `picture` and `commands` make it.
    """

    title: str
    parts: Sequence[str]


def page(title: str, sections: Sequence[Section]) -> str:
    """A whole HTML file, which refers to no other."""
    body = [f"<h1>{escape(title)}</h1>"]
    for section in sections:
        body += [f"<h2>{escape(section.title)}</h2>", *section.parts]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def warning(text: str) -> str:
    """A paragraph that stands out."""
    return f'<p class="warning">{escape(text)}</p>'


def commands(*lines: str) -> str:
    """Command lines, to be copied."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def table(frame: pd.DataFrame) -> str:
    """A table; numbers with three decimals, missing ones as a hyphen, whatever text escaped."""
    shown = frame.copy()
    for column in shown:
        shown[column] = [_cell(value) for value in frame[column]]
    return shown.to_html(index=False, border=0, escape=True)


def picture(path: Path, caption: str) -> str:
    """A PNG file inside the page, which a reader who cannot see it has described."""
    content = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{content}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _cell(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124 (NaN, of any type)
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
