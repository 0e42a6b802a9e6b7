"""Runs commands, each in a process of its own that need not import PyTorch and the like again.

The process that this file starts has imported them, and forks for every command, which it reads
from its standard input: a line of JSON with `module`, `words`, `cwd`, and files for `stdout` and
`stderr`. It answers with the exit status. Of a short command, most seconds would go into imports.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

# Not pandas and torchmetrics, which start threads: a new process would wait for theirs.
_IMPORTED = ("hydra", "matplotlib.pyplot", "scipy.signal", "scipy.stats", "timm", "torchaudio")


def run_module(module: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m module` with words, in a folder, and keeps what it prints."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        printed = {name: str(Path(folder, name)) for name in ("stdout", "stderr")}
        line = json.dumps({"module": module, "words": words, "cwd": str(cwd), **printed})
        server.stdin.write(line + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        texts = {name: Path(path).read_text() for name, path in printed.items()}
    return subprocess.CompletedProcess([sys.executable, "-m", module, *words], status, **texts)


@cache
def _server() -> subprocess.Popen[str]:
    """One for each process of the tests, which ends with it."""
    line = [sys.executable, __file__]
    server = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.kill)
    return server


def _serve() -> None:
    for name in _IMPORTED:
        __import__(name)
    assert len(list(Path("/proc/self/task").glob("*"))) <= 1, "a library has started a thread"
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            return _run(asked["module"], asked["words"], asked)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()
    return None


def _run(module: str, words: list[str], places: dict[str, str]) -> None:
    """In the new process, which ends as any other does."""
    for number, name in enumerate((os.devnull, places["stdout"], places["stderr"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(places["cwd"])
    sys.path[0] = places["cwd"]  # as of python -m, in place of the folder of this file
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
