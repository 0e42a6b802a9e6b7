from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.experiment.resume import is_finished, keep_settings, mark_finished


def config(folder: Path, *more: str) -> DictConfig:
    return load_config("relabel", [f"paths.output_dir={folder}", *more])


def test_a_folder_is_finished_once_it_is_marked(tmp_path: Path) -> None:
    assert not is_finished(tmp_path)
    assert not is_finished(tmp_path / "nowhere")
    mark_finished(tmp_path)
    assert is_finished(tmp_path)


def test_the_same_settings_are_accepted_from_another_run_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "rounds"
    keep_settings(config(tmp_path / "one", "rounds=1"), folder, ["rounds"])
    keep_settings(config(tmp_path / "two", "rounds=2"), folder, ["rounds"])
    keep_settings(config(tmp_path / "two", "data.num_workers=9"), folder, ["rounds"])
    keep_settings(load_config("relabel", [f"out={folder}", "rounds=2"]), folder, ["rounds"])


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    keep_settings(config(tmp_path), tmp_path)
    with pytest.raises(ValueError, match=r"(?s)other settings.*- seed: 0\n\+ seed: 1\n"):
        keep_settings(config(tmp_path, "seed=1"), tmp_path)
    with pytest.raises(ValueError, match=r"(?s)- rounds: 1\n\+ rounds: 2\n"):
        keep_settings(config(tmp_path, "rounds=2"), tmp_path)
