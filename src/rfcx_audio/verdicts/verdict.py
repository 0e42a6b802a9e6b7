"""What a reviewer answers to a clip, and the rules of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PRESENT, ABSENT, UNSURE, OTHER, SKIPPED = "present", "absent", "unsure", "other", "skipped"
ANSWERS = (PRESENT, ABSENT, UNSURE, OTHER, SKIPPED)
"""`other`: the species of the clip is absent, and another one, which is named, is present."""

BOX = ("t_min", "t_max", "f_min", "f_max")


class VerdictError(ValueError):
    """A store of verdicts, or what shall be written into it, breaks a rule."""


class Verdict(NamedTuple):
    """One reviewer's answer to one clip.

    Attributes:
        clip: its number in the store.
        reviewer: who answered.
        answer: one of `ANSWERS`.
        request: unique to the answer, made by who sends it, so that one that is sent twice counts
            once.
        other_species: with `OTHER`, which one is present.
        box: `t_min`, `t_max` (s), `f_min`, `f_max` (Hz, or None) where the reviewer moved or
            stretched the clip's; None: as it is.
        note: of the reviewer.
    """

    clip: int
    reviewer: str
    answer: str
    request: str
    other_species: str | None = None
    box: Sequence[float | None] | None = None
    note: str = ""


def check_verdict(verdict: Verdict) -> None:
    """Checks all of a verdict but whether its clip is there.

    Raises:
        VerdictError: the answer is none, a species, the reviewer or the request is missing, or the
            box does not end after it begins.
    """
    faults = {
        f"answer = {verdict.answer!r}; expected {', '.join(ANSWERS)}": (
            verdict.answer not in ANSWERS
        ),
        "a verdict needs the name of its reviewer": not verdict.reviewer.strip(),
        "a verdict needs a request of its own": not verdict.request,
        f"other_species goes with the answer {OTHER!r}, and only with it": (
            (verdict.answer == OTHER) != bool(verdict.other_species)
        ),
        f"a box has {len(BOX)} numbers, {', '.join(BOX)}, each end above its beginning": (
            verdict.box is not None and not _is_box(verdict.box)
        ),
    }
    for fault, is_one in faults.items():
        if is_one:
            raise VerdictError(fault)


def _is_box(box: Sequence[float | None]) -> bool:
    if len(box) != len(BOX):
        return False
    t_min, t_max, f_min, f_max = box
    if t_min is None or t_max is None or not 0 <= t_min < t_max < float("inf"):
        return False
    if f_min is None or f_max is None:
        return f_min is None and f_max is None
    return 0 <= f_min < f_max < float("inf")
