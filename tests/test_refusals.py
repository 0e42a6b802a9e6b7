from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rfcx_audio.data import Folds
from rfcx_audio.refusals import refusal
from rfcx_audio.whole_files import write_atomically

COMMAND = """
import rfcx_audio.data
from rfcx_audio.config import entry_point

@entry_point("evaluate")
def main(config):
    if config.seed == 1:
        raise KeyError("unforeseen")
    rfcx_audio.data.Folds("folds.csv", 1)

main()
"""


def caught(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as error:
        call()
    return error.value


def test_what_the_library_raises_is_a_refusal() -> None:
    assert refusal(caught(lambda: Folds("a.csv", 1))) == (
        "num_folds = 1; at least 2 are needed, one of them held out"
    )


def test_an_unforeseen_error_has_none(tmp_path: Path) -> None:
    for call in (lambda: int("x"), lambda: {}["a"], (tmp_path / "no").read_text):
        assert refusal(caught(call)) is None
    # A fault of the library's own code is raised by no statement of it.
    assert refusal(caught(lambda: Folds("a.csv", "two"))) is None  # pyright: ignore[reportArgumentType]


def test_a_full_disk_is_explained_once(tmp_path: Path) -> None:
    def full(part: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))

    sentence = refusal(caught(lambda: write_atomically(tmp_path / "a.csv", full)))
    assert sentence is not None
    assert sentence.startswith(f"{tmp_path}/a.csv could not be written (No space left on device)")


def test_a_place_that_takes_no_files_names_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    sentence = refusal(caught((tmp_path / "file" / "run").mkdir))
    assert sentence == (
        f"{tmp_path}/file/run cannot be written: Not a directory; give a folder that can be "
        "written to: out=…"
    )

    def denied() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "run"))

    error = caught(denied)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "out=…" in str(refusal(error))
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    assert refusal(error) is None  # it was the reading that failed


@pytest.mark.parametrize(
    ("words", "lines", "last"),
    [
        ([], 1, "num_folds = 1; at least 2 are needed, one of them held out"),
        (["seed=1"], None, "complete stack trace."),
        (["-m", "seed=0,0"], None, "complete stack trace."),
    ],
)
def test_a_command_prints_a_sentence_or_a_traceback(
    words: list[str], lines: int | None, last: str, tmp_path: Path
) -> None:
    (tmp_path / "command.py").write_text(COMMAND)
    line = [sys.executable, "command.py", *words, "scores=a", "labels=b"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(last)
    if lines is not None:
        assert len(done.stderr.splitlines()) == lines
    assert ("Traceback" in done.stderr) == (words == ["seed=1"])
    if "-m" in words:
        assert len(list(tmp_path.rglob("command.log"))) == 2  # the second job ran, too


def test_hydras_variable_gives_the_whole_traceback(tmp_path: Path) -> None:
    (tmp_path / "command.py").write_text(COMMAND)
    done = subprocess.run(
        [sys.executable, "command.py", "scores=a", "labels=b"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "HYDRA_FULL_ERROR": "1"},
    )
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ValueError: num_folds = 1")
