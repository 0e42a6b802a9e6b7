"""`rfcx-audio <verb>`: one command for all that `python -m rfcx_audio.<verb>` does."""

from __future__ import annotations

import runpy
import sys
from difflib import get_close_matches

from rfcx_audio import __version__
from rfcx_audio.config import help_header

VERBS = (
    "recipe",  # all of a day's work
    *("synthesize", "train", "crossval", "relabel"),  # to a model
    *("embed", "search"),  # from a pretrained encoder to features, and to what sounds alike
    *("predict", "evaluate"),  # to scores
    *("calibrate", "prevalence", "ensemble", "detect"),  # from scores to answers
    *("review", "answers"),  # from answers to confirmed ones
    "export",
)
"""In the order of a day's work."""


def main() -> None:
    """The command."""
    verb, *words = sys.argv[1:] or ["--help"]
    if verb in ("--help", "-h"):
        print(overview())  # noqa: T201
    elif verb == "--version":
        print(f"rfcx-audio {__version__}")  # noqa: T201
    elif verb in VERBS:
        sys.argv[1:] = words
        # As `python -m` does it, not by a call of `main`: what starts further processes (a trainer
        # of several devices, a launcher of jobs) finds the module in `__main__`, and begins them
        # with the same words.
        runpy.run_module(f"rfcx_audio.{verb}", run_name="__main__", alter_sys=True)
    else:
        raise SystemExit(unknown(verb))


def overview() -> str:
    """The verbs with a line each."""
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {help_header(verb).splitlines()[0]}" for verb in VERBS]
    return "\n".join(
        [
            "Find species in sound with many species, few labels and noisy ones.",
            "",
            "usage: rfcx-audio <verb> [key=value …]",
            "",
            *lines,
            "",
            "rfcx-audio <verb> --help    examples and options",
            "rfcx-audio --version",
        ]
    )


def unknown(verb: str) -> str:
    """The answer to an unknown verb."""
    near = get_close_matches(verb, VERBS, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}?" if near else "`rfcx-audio` lists the verbs"
    return f"rfcx-audio has no verb {verb!r}; {meant}"


if __name__ == "__main__":
    main()
