"""Words that must not come back, and what to write instead; `make lint` runs this.

Identifiers, docstrings, comments, messages, configuration and pages use the standard terms of the
field. A row labels, covers or overlaps a window; a label is known or unknown; a network scores,
detects or is trained on. A file that has to contain an old word, such as a table of renamed keys,
is listed in `ALLOWED` with those words.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

INSTEAD = {
    "because (as a key)": "reason",
    "deaf": "does not detect",
    "for good": "permanently; of the large loss, the paper's LL-Cp, `large_loss_cp`",
    "hear": "score, detect, train on; of a front end, cover",
    "lacking": "missing",
    "listen": "score, detect",
    "nobody": "no label, unlabelled; or name what is missing",
    "said": "labelled, known; or what it is: target, labels, logits",
    "say": "label, state, give; of an error, name or warn",
    "seen as": "options",
    "somebody": "a label, labelled",
    "speak of": "label, cover, overlap",
    "surety": "confidence, weight",
    "take back": "rollback_to",
    "told": "labelled, known, given; or what it is: words, choices, rows",
    "unsaid": "unknown",
    "usual shift": "prior",
}
"""By word, what to write instead."""

_PATTERNS = {
    "because (as a key)": r"(?:^|[{,])\s*[\"']?because[\"']?\s*:",
    "for good": r"for[ _]good",
    "hear": r"hear(?:s|d|ing)?",
    "listen": r"listen(?:s|ed|ing)?",
    "say": r"says?|saying",
    "seen as": r"seen_as",
    "speak of": r"speaks?|spoken?|unspoken",
    "take back": r"take[ _]back",
    "told": r"told|tells|untold",
    "usual shift": r"usual_shift",
}
"""Where a word has more forms than one. An underscore or a capital letter ends a word too."""

GUARDED = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "README.md", "pyproject.toml"),
    *("benchmarks", "conf", "docs", "notebooks", "src", "studies", "tests"),
)
"""Folders and files that are checked; the aim is `src`, `conf`, `tests`, `studies`, `benchmarks`,
`notebooks`, `docs` and the pages beside them."""

ALLOWED: dict[str, tuple[str, ...]] = {
    "docs/mutation.md": ("said", "speak of"),  # quotes code as it was tried
    # Renamed keys and options.
    "src/rfcx_audio/renamed.py": ("for good", "hear", "take back"),
    "tests/plain_words.py": tuple(INSTEAD),
    "tests/test_renamed.py": ("for good", "hear", "take back"),
    "tests/test_plain_words.py": tuple(INSTEAD),
}
"""By file, the words that it has to contain."""

_SUFFIXES = (".py", ".yaml", ".md", ".ipynb", ".toml")


class Finding(NamedTuple):
    """A word that should not be there.

    Attributes:
        line: from 1.
        word: as it stands there.
        entry: of `INSTEAD`.
    """

    line: int
    word: str
    entry: str


def _pattern(entry: str) -> re.Pattern[str]:
    if entry == "because (as a key)":
        return re.compile(_PATTERNS[entry])
    return re.compile(rf"(?<![A-Za-z])(?i:{_PATTERNS.get(entry, entry)})(?![a-z])")


_COMPILED = {entry: _pattern(entry) for entry in INSTEAD}


def findings(text: str, allowed: Iterable[str] = ()) -> list[Finding]:
    """The words of `INSTEAD` in a text, line by line.

    Args:
        text: of a file.
        allowed: entries that are not looked for.
    """
    patterns = {entry: one for entry, one in _COMPILED.items() if entry not in set(allowed)}
    return [
        Finding(number, match[0].strip(), entry)
        for number, line in enumerate(text.splitlines(), 1)
        for entry, pattern in patterns.items()
        for match in pattern.finditer(line)
    ]


def files(paths: Iterable[str | Path], root: Path = ROOT) -> Iterator[Path]:
    """The text files at paths below the root, in order.

    Raises:
        FileNotFoundError: a path does not exist; `GUARDED` names one that was moved.
    """
    for path in paths:
        place = root / path
        if not place.exists():
            raise FileNotFoundError(f"{place} does not exist; change GUARDED in {__file__}")
        found = place.rglob("*") if place.is_dir() else [place]
        yield from sorted(one for one in found if one.suffix in _SUFFIXES)


def main(paths: Iterable[str | Path] = GUARDED, root: Path = ROOT) -> int:
    """Prints a line for each word that is found; the number of them."""
    count = 0
    for path in files(paths, root):
        name = path.relative_to(root).as_posix()
        for line, word, entry in findings(path.read_text("utf-8"), ALLOWED.get(name, ())):
            sys.stdout.write(f"{name}:{line}: {word!r}; write instead: {INSTEAD[entry]}\n")
            count += 1
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or GUARDED) > 0)
