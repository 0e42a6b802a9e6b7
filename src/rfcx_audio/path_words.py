"""Words of a command line that are paths, quoted where the grammar of overrides needs it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TRUE_OR_PATH = {"complete", "data.source.complete"}
"""Keys whose values are true, false, or a path."""

_KEYS = _TRUE_OR_PATH | {
    *("calibration", "checkpoint", "complete_labels", "detections", "encoder_file", "example"),
    *("folder", "labels", "oof", "out", "store", "verdicts"),
    *("queue.features", "queue.leave_out", "queue.thresholds"),
    *("prevalence", "prior", "recordings", "recordings_table", "resume", "sample_submission"),
    *("scores", "species", "start_from", "thresholds"),
    *("data.folds.file", "data.pseudo_rows", "data.reader.folder", "data.root"),
    *("data.crops.soft.file", "data.soft_labels", "data.verdicts", "teachers"),
    *("data.source.audio", "data.source.species_file", "hydra.run.dir", "hydra.sweep.dir"),
    *("model.encoder.about.species_file", "model.encoder.checkpoint", "model.encoder.file"),
    *("paths.data_dir", "paths.output_dir", "paths.runs_dir"),
}
"""Keys whose values are paths, or lists of them."""

_PLAIN = re.compile(r"[A-Za-z0-9_/+.@?*%:-]*[A-Za-z_/.*][A-Za-z0-9_/+.@?*%:-]*")
"""What is taken as the text that it is; a number alone is not."""

_NO_TEXT = re.compile(r"[+-]?(\d[\d_]*)?\.?\d*(e[+-]?\d+)?|nan|inf|true|false", re.IGNORECASE)
"""What is read as a number or a truth value without quotes."""

_PARTS = re.compile(r"""\s*(?:'[^']*'|"[^"]*")\s*(?=,|$)|[^,]+""")
"""Of a list: commas in quotes separate nothing."""

_NO_PATHS = re.compile(r"null|\?\?\?|", re.IGNORECASE)
_MULTIRUN = {"-m", "--multirun"}


def quote_paths(words: Sequence[str]) -> list[str]:
    """The words, with quotes around paths that would otherwise be refused or read otherwise.

    `checkpoint=runs/lr=0.1/best.ckpt`, `recordings=my sounds [2024]` and `out=2024` then are what a
    shell's user means by them.

    Args:
        words: of a command line. In a multirun, a comma separates values as ever.
    """
    sweep = bool(_MULTIRUN & set(words))
    return [_quoted_word(word, sweep) for word in words]


def _quoted_word(word: str, sweep: bool) -> str:
    key, equals, value = word.partition("=")
    name = key.lstrip("+")
    if name not in _KEYS or not equals:
        return word
    if name in _TRUE_OR_PATH and _NO_TEXT.fullmatch(value):
        return word
    if _NO_PATHS.fullmatch(value) or "${" in value or (sweep and "," in value):
        return word
    if value.startswith("[") and value.endswith("]"):
        parts = (part.strip() for part in _PARTS.findall(value[1:-1]))
        return f"{key}=[{','.join(map(_quoted, parts))}]"
    return f"{key}={_quoted(value)}"


def _quoted(path: str) -> str:
    """A path in quotes, unless it has some or needs none."""
    in_quotes = len(path) > 1 and path[0] == path[-1] and path[0] in "'\""
    if in_quotes or (_PLAIN.fullmatch(path) and not _NO_TEXT.fullmatch(path)):
        return path
    # Backslashes count only before a quote, and at the end.
    inner = re.sub(r"(\\*)(')", r"\1\1\\\2", path)
    inner = re.sub(r"(\\+)$", r"\1\1", inner)
    return f"'{inner}'"
