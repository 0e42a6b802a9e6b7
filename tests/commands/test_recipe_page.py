from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from rfcx_audio.commands.recipe_page import (
    Section,
    commands,
    page,
    paragraph,
    picture,
    table,
    warning,
)


class Read(HTMLParser):
    """The text, the tags that are open, and the places that a page refers to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.places: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.places += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_whatever_a_species_is_called_is_text(tmp_path: Path) -> None:
    name = "<b>Frog</b> & \"co\" 'x'"
    file = tmp_path / "one.png"
    file.write_bytes(b"\x89PNG")
    parts = [paragraph(name), warning(name), commands(name), picture(file, name)]
    parts.append(table(pd.DataFrame({"species": [name]})))
    found = Read(page(name, [Section(name, parts)]))
    assert not found.open
    assert found.words.count(name) == 8
    assert found.places == ["data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()]


def test_numbers_have_three_decimals_and_missing_ones_a_hyphen() -> None:
    frame = pd.DataFrame({"species": ["a", None], "auc": [0.12345, float("nan")], "rows": [3, 40]})
    words = [word for word in Read(table(frame)).words if word.strip()]
    assert words == ["species", "auc", "rows", "a", "0.123", "3", "-", "-", "40"]
