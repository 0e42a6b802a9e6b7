"""Processes of their own that need not import PyTorch again, which is most of a short command."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path


def beside(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Runs a function in a separate process that does not import torch again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rfcx_audio.commands.predict", "rfcx_audio.model"])
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def run_module(module: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m module` with words, in a folder, and keeps what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        printed = {name: Path(folder, name) for name in ("stdout", "stderr")}
        process = beside(_run_module, module, words, cwd, *printed.values())
        process.join()
        assert process.exitcode is not None
        texts = {name: path.read_text() for name, path in printed.items()}
    return subprocess.CompletedProcess([module, *words], process.exitcode, **texts)


def _run_module(module: str, words: tuple[str, ...], cwd: Path, *printed: Path) -> None:
    for number, path in enumerate(printed, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(cwd)
    sys.path.insert(0, str(cwd))  # as python -m has it
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
