"""`python -m benchmarks.gpu_test`: runs every technique on the GPU, and the tests marked `gpu`."""

from __future__ import annotations

import argparse
import gc
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import torch

from benchmarks.gpu import add_arguments, prepared, quiet, show_line
from benchmarks.limit import Limit, OutOfTime
from benchmarks.report import TECHNIQUES, file_name, hardware, write_json
from benchmarks.techniques import Technique, techniques
from benchmarks.trial import Ground, tried
from benchmarks.trial_outcome import NOT_RUN, OK, Outcome
from rfcx_audio.versions import versions

_LONGEST_S = {"cuda": 40.0, "cpu": 200.0}
"""Time limit of one technique, so that one that hangs does not block the others."""
_MARKED = "tests marked gpu"


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries everything; returns 1 if anything failed or was not run, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, limit_s=230)
    parser.add_argument("--only", default="", help="techniques whose name has this text")
    options = parser.parse_args(arguments)
    results = prepared(options)
    chosen = [one for one in techniques() if options.only in one.name]
    limit = Limit(options.limit_s)
    gc.freeze()  # excludes the modules from the garbage collection after each technique
    keep = Keeper(results / TECHNIQUES / file_name(), options.device)
    if not options.only:
        keep(marked_tests(limit, options.device))
    with TemporaryDirectory() as folder, quiet():
        try_all(chosen, Ground(Path(folder), options.device), limit, keep)
    show_line(keep.summary())
    return 0 if keep.passed else 1


def try_all(
    chosen: Sequence[Technique],
    ground: Ground,
    limit: Limit,
    keep: Callable[[Outcome], None],
    attempt: Callable[[Technique, Ground, Path], Outcome] = tried,
) -> None:
    """Tries techniques one after the other, and names those that are not reached in time.

    Args:
        chosen: techniques, in order.
        ground: their data, which is generated here.
        limit: of all techniques together.
        keep: called with each outcome.
        attempt: tries one technique in an empty folder.
    """
    stopped = ""
    for number, technique in enumerate(chosen):
        folder = ground.folder / f"run_{number}"
        try:
            if stopped:
                raise OutOfTime(stopped)
            with limit.enforced(_LONGEST_S[ground.device]):
                if not number:
                    begun = perf_counter()
                    ground.prepare()
                    show_line(f"{'recordings':<44} {perf_counter() - begun:5.1f} s")
                outcome = attempt(technique, ground, folder)
        except OutOfTime as end:
            outcome = Outcome(technique.name, f"{NOT_RUN}: {end}")
        keep(outcome)
        shutil.rmtree(folder, ignore_errors=True)
        stopped = stopped or _lost(ground.device, technique)


def _lost(device: str, technique: Technique) -> str:
    """Why no further technique can be tried: after some errors a process has lost its GPU."""
    if device != "cuda":
        return ""
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError:
        return f"the GPU was lost at {technique.name}"
    return ""


class Keeper:
    """Prints each outcome, and writes all outcomes so far.

    Args:
        path: of the result file.
        device: `cuda` or `cpu`.
    """

    def __init__(self, path: Path, device: str) -> None:
        self.path = path
        self.device = device
        self.outcomes: list[Outcome] = []
        self._limit = Limit(float("inf"))

    def __call__(self, outcome: Outcome) -> None:
        """Adds an outcome."""
        show_line(outcome.line())
        self.outcomes.append(outcome)
        content = {
            "hardware": hardware(),
            "device": self.device,
            "date": datetime.now(UTC).date().isoformat(),
            "python": sys.version.split()[0],
            "versions": versions(["torch", "pytorch-lightning", "timm"]),
            "seconds": round(self._limit.used, 1),
            "techniques": [asdict(one) for one in self.outcomes],
        }
        write_json(content, self.path)

    @property
    def passed(self) -> bool:
        """Whether there are outcomes, and all succeeded."""
        return bool(self.outcomes) and all(one.outcome == OK for one in self.outcomes)

    def summary(self) -> str:
        """The numbers of techniques that ran, failed, were not run and waited."""
        good = sum(one.outcome == OK for one in self.outcomes)
        left = sum(one.outcome.startswith(NOT_RUN) for one in self.outcomes)
        wait = sum(one.waits not in (None, "none") for one in self.outcomes)
        seen = sum(one.waits is not None for one in self.outcomes)
        return (
            f"{good} ran, {len(self.outcomes) - good - left} failed, {left} were not run; the step "
            f"of {wait} of {seen} waits for the GPU; {self._limit.used:.0f} s; {self.path}"
        )


def marked_tests(limit: Limit, device: str, folder: Path = Path("tests")) -> Outcome:
    """Runs the tests marked `gpu` in a process of their own.

    Only files with such tests are collected: other files may import packages that a borrowed
    machine does not have. Warnings are not errors, as its packages are not the pinned versions.

    Args:
        limit: the tests may use half of it.
        device: on `cuda` no test may be skipped; on `cpu` all are.
        folder: of the tests.
    """
    files = [str(path) for path in folder.rglob("test_*.py") if "mark.gpu" in path.read_text()]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-W", "default", *sorted(files)]
    begun = perf_counter()
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "-p", "no:cacheprovider"],
            capture_output=True,
            text=True,
            check=False,
            timeout=limit.left / 2,
        )
    except subprocess.TimeoutExpired as late:
        return Outcome(_MARKED, f"{NOT_RUN}: stopped after {late.timeout:.0f} s")
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no output"]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    skipped = device == "cuda" and "skipped" in lines[-1]
    good = done.returncode == 0 and not skipped
    outcome = OK if good else f"pytest: {(failed or lines[-1:])[0]}"
    return Outcome(_MARKED, outcome, round(perf_counter() - begun, 2))


if __name__ == "__main__":
    sys.exit(main())
