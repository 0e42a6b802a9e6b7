"""The page's section on GPUs: results of `make test-gpu`, and whether `make bench-gpu` has run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.trial_outcome import NOT_RUN, OK


def gpu_section(measured: Sequence[str], tried: Sequence[dict[str, Any]]) -> list[str]:
    """The section, as lines of Markdown.

    Args:
        measured: the hardware of each table.
        tried: the result files of `make test-gpu`.
    """
    lines = ["## On a GPU", ""]
    on_gpu = [content for content in tried if content["device"] == "cuda"]
    gpus = [name for name in measured if " CPU, " not in name]
    ready, verb = _not_yet(bool(on_gpu), bool(gpus))
    if ready:
        lines += [
            f"{ready} {verb} ready, and rehearsed on a CPU (`--device cpu`, at small sizes), but "
            f"{'has' if verb == 'is' else 'have'} not run on a GPU yet: there are no figures.",
            "",
        ]
    for content in on_gpu:
        lines += _techniques(content)
    return lines[:-1]


def _not_yet(tried: bool, measured: bool) -> tuple[str, str]:
    """The commands that have no results, and the verb for their number."""
    names = [
        name
        for name, there in (("`make test-gpu`", tried), ("`make bench-gpu`", measured))
        if not there
    ]
    return " and ".join(names), "are" if len(names) > 1 else "is"


def _techniques(content: dict[str, Any]) -> list[str]:
    """The outcomes of all techniques on one GPU."""
    found = content["techniques"]
    good = [one for one in found if one["outcome"] == OK]
    left = [one["name"] for one in found if one["outcome"].startswith(NOT_RUN)]
    waits = [one for one in found if one["waits"] not in (None, "none")]
    lines = [
        f"`make test-gpu` on {content['hardware']} ({content['date']}, Python "
        f"{content['python']}, torch {content['versions']['torch']}): {len(good)} of {len(found)} "
        f"ran in deterministic mode, in {content['seconds']:.0f} s.",
        "",
    ]
    lines += [f"* not run: {', '.join(left)}"] if left else []
    failed = [one for one in found if one not in good and one["name"] not in left]
    lines += [f"* {one['name']}: {one['outcome']}" for one in failed]
    lines += [f"* the step of {one['name']} waits at {one['waits']}" for one in waits]
    return [*lines, ""] if lines[-1] else lines
