"""A fuzzer: runs readers on thousands of damaged inputs."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

Attempt = Callable[[np.random.Generator], object]

_AT_ONCE = 2000
_MEMORY_GB = 6  # in addition to the memory of earlier tests
_SECONDS_EACH = 20
_MEMORY = Path("/proc/self/statm")

NUMBERS = (b"0", b"-1", b"nan", b"inf", b"-inf", b"1e309", b"9" * 40, b"0x10", b"1_000", b"1,5")
WORDS = (
    *NUMBERS,
    *(b"", b" ", b",", b"\n", b"\r\n", b'"', b"'", b"\0", b"\t", b";", b"\\", b"../", b"NA"),
    *(b"True", b"#", b"7", b"-0.0", "é".encode(), b"\xef\xbb\xbf", "🐸".encode()),
)


def mutated(content: bytes, rng: np.random.Generator, binary: bool = True) -> bytes:
    """The content after one to six mutations: bytes changed, parts removed, repeated, inserted.

    Args:
        content: not empty.
        rng: source of all randomness.
        binary: whether bits and bytes change too, which makes most texts unreadable.
    """
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 7)):
        start, stop = sorted(rng.integers(0, len(damaged) + 1, 2).tolist())
        stop = min(stop, start + int(rng.integers(1, 64)))
        match rng.integers(8 if binary else 5):
            case 0:
                del damaged[start:stop]
            case 1:
                damaged[start:start] = damaged[start:stop]
            case 2:
                del damaged[start + int(rng.integers(len(damaged) + 1)) :]
            case 3:
                damaged[start:stop] = WORDS[rng.integers(len(WORDS))]
            case 4:
                damaged[start:start] = WORDS[rng.integers(len(WORDS))]
            case 5:
                damaged[start:stop] = rng.bytes(stop - start)
            case 6:
                value = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF]))
                damaged[start : start + 4] = value.to_bytes(4, "little")
            case _ if damaged:
                damaged[min(start, len(damaged) - 1)] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def damaged_text(content: bytes, rng: np.random.Generator) -> bytes:
    """A damaged text; in one case of five with binary mutations."""
    return mutated(content, rng, binary=bool(rng.random() < 0.2))


def lost(attempt: Attempt, allowed: tuple[type[Exception], ...], tries: int) -> list[str]:
    """Failures of a reader: errors other than the allowed ones, crashes, time-outs.

    Args:
        attempt: makes an input from a generator and reads it.
        allowed: errors that the reader documents.
        tries: number of inputs; input n is made by a generator with the seed n.

    Returns:
        One line for each failure.
    """
    found: list[str] = []
    first = 0
    context = multiprocessing.get_context("fork")
    while first < tries:
        behind = min(tries, first + _AT_ONCE)
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(attempt, allowed, first, behind, theirs))
        child.start()
        theirs.close()
        reached = first
        try:
            while True:
                reached, words = ours.recv()
                found += [words] if words else []
        except EOFError:
            child.join()
        if child.exitcode:
            found.append(f"input {reached} ended the process with {child.exitcode}")
            behind = reached + 1
        first = behind
    return found


def _child(
    attempt: Attempt,
    allowed: tuple[type[Exception], ...],
    first: int,
    behind: int,
    pipe: Connection,
) -> None:
    if _MEMORY.exists():  # on Linux
        held = int(_MEMORY.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + (_MEMORY_GB << 30),) * 2)
    signal.signal(signal.SIGALRM, _too_slow)
    warnings.simplefilter("ignore")
    for number in range(first, behind):
        pipe.send((number, ""))  # so that a crash can be reported
        signal.alarm(_SECONDS_EACH)
        try:
            attempt(np.random.default_rng(number))
        except allowed:
            pass
        except BaseException as error:  # noqa: BLE001 (every other error is a failure)
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename}:{where.lineno}"
            pipe.send((number, f"input {number}: {type(error).__name__}: {error} ({place})"[:400]))
    signal.alarm(0)


def _too_slow(*_: object) -> None:
    raise TimeoutError(f"took more than {_SECONDS_EACH} s")
