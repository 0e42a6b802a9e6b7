"""Arguments and printing that both GPU commands share."""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.report import RESULTS

REHEARSAL = Path("runs/rehearsal")


def add_arguments(parser: argparse.ArgumentParser, limit_s: float) -> None:
    """Adds the arguments of both commands."""
    parser.add_argument(
        "--device",
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu rehearses everything at a small size; its results are not measurements",
    )
    parser.add_argument("--limit-s", type=float, default=limit_s, help="seconds, of all together")
    parser.add_argument("--results", type=Path, help=f"folder of the result file ({RESULTS})")


def prepared(options: argparse.Namespace) -> Path:
    """The folder for results.

    Raises:
        SystemExit: there is no GPU.
    """
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU here; --device cpu rehearses it at a small size")
    return options.results or (RESULTS if options.device == "cuda" else REHEARSAL)


@contextmanager
def quiet() -> Generator[None]:
    """Suppresses logs and warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def show_line(line: str) -> None:
    """Prints a line without buffering."""
    print(line, flush=True)  # noqa: T201
