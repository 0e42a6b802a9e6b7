"""Names that a mistyped word may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def options_in(folders: Iterable[Path]) -> dict[str, list[str]]:
    """The options of each group, in folders of configuration; each folder counts once."""
    found: dict[str, list[str]] = {}
    for place in dict.fromkeys(folders):
        for path in sorted(place.rglob("*.yaml")):
            group = path.parent.relative_to(place).as_posix()
            if group != ".":
                found.setdefault(group, []).append(path.stem)
    return found


def meant(word: str, known: list[str], before: str = "") -> str:
    """A suggestion of similar names; first those whose last part begins like that of the word."""
    last = word.rpartition(".")[2]
    begin = [one for one in known if last and one.rpartition(".")[2].startswith(last)]
    near = [
        *get_close_matches(word, begin, cutoff=0.0),
        *get_close_matches(word, known, cutoff=0.5),
    ]
    nearest = ", ".join(f"{before}{one}" for one in list(dict.fromkeys(near))[:3])
    return f"{before}{word} does not exist; " + (
        f"did you mean {nearest}?" if near else "see --help"
    )
