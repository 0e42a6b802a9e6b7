from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import rfcx_audio
from rfcx_audio.cli import VERBS, overview
from rfcx_audio.config import CONF_DIR, help_header, load_config


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "rfcx_audio", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=folder)


def test_every_root_of_the_configuration_is_a_verb_and_listed_in_order(tmp_path: Path) -> None:
    assert sorted(VERBS) == sorted(path.stem for path in CONF_DIR.glob("*.yaml"))
    alone = command(tmp_path).stdout
    assert alone == command(tmp_path, "--help").stdout == overview() + "\n"
    lines = [line.split(maxsplit=1) for line in alone.splitlines() if line.startswith("  ")]
    assert tuple(verb for verb, _ in lines) == VERBS
    assert all(len(meaning) > 10 for _, meaning in lines)


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert command(tmp_path, "--version").stdout == f"rfcx-audio {rfcx_audio.__version__}\n"


def test_an_unknown_verb_is_answered_with_the_nearest(tmp_path: Path) -> None:
    done = command(tmp_path, "evalute", "scores=s")
    assert done.returncode == 1
    assert done.stderr == "rfcx-audio has no verb 'evalute'; did you mean evaluate?\n"
    assert "lists the verbs" in command(tmp_path, "xyz").stderr


def test_a_verb_is_the_same_as_its_module(tmp_path: Path) -> None:
    words = ["scores=gone.parquet", "labels=x", "--cfg", "job"]
    one = command(tmp_path, "evaluate", *words)
    line = [sys.executable, "-m", "rfcx_audio.evaluate", *words]
    other = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (one.returncode, one.stdout, one.stderr) == (0, other.stdout, other.stderr)


def test_a_run_is_named_by_its_verb_and_its_errors_reach_the_shell(tmp_path: Path) -> None:
    done = command(tmp_path, "evaluate", "scores=gone.parquet", "labels=x")
    assert done.returncode == 1
    assert "gone.parquet is no table of scores" in done.stderr
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["evaluate"]
    done = command(tmp_path, "evaluate", "scors=s", "labels=x")
    assert "scors does not exist; did you mean scores" in done.stderr


def test_further_processes_begin_with_the_words_of_the_verb(tmp_path: Path) -> None:
    """Lightning starts them from `__main__` and `sys.argv`."""
    script = (
        "import sys, runpy\n"
        "from pytorch_lightning.strategies.launchers.subprocess_script import "
        "_basic_subprocess_cmd\n"
        "import rfcx_audio.commands.train as train\n"
        "train.run = lambda config: print(_basic_subprocess_cmd()[1:])\n"
        "sys.argv = ['rfcx-audio', 'train', 'seed=3']\n"
        "from rfcx_audio.cli import main\n"
        "main()\n"
    )
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip().endswith("['-m', 'rfcx_audio.train', 'seed=3']")


def test_help_of_which_only_the_begin_is_read_ends_quietly(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "rfcx_audio", "train", "--help"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert not process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_help_begins_with_two_examples_and_five_options_that_exist(verb: str) -> None:
    meaning, empty, *lines = help_header(verb).splitlines()
    assert meaning
    assert not empty
    assert len(max(lines, key=len)) <= 100
    examples = [line.strip() for line in lines if line.startswith("  rfcx-audio ")]
    options = [line.strip().partition("=…")[0] for line in lines if "=… " in line]
    assert (len(examples), len(options)) == (2, 5)
    for example in examples:
        _, name, *words = shlex.split(example)
        assert name == verb
        load_config(verb, words)
    config = load_config(verb)
    for key in options:
        above, _, last = key.rpartition(".")
        node = OmegaConf.select(config, above) if above else config
        assert last in list(node) or (CONF_DIR / key).is_dir(), key
