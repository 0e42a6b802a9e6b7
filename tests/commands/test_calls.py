from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from rfcx_audio.commands.calls import call_config
from rfcx_audio.config import ConfigError


def test_paths_need_no_quotes_and_a_folder_is_as_given(tmp_path: Path) -> None:
    odd = tmp_path / "a=b, {c} ${d}"
    config = call_config("predict", ["tta=2"], tmp_path / "out", checkpoint=odd, recordings="x")
    assert config.tta == 2
    assert config.recordings == "x"
    assert config.paths.output_dir == str(tmp_path / "out")


def test_without_a_folder_the_time_names_one_as_for_the_command() -> None:
    folder = Path(call_config("train", ["paths.runs_dir=here"], None).paths.output_dir)
    assert folder.parent == Path("here/train")
    age = datetime.now() - datetime.strptime(folder.name, "%Y-%m-%d_%H-%M-%S")
    assert -1 < age.total_seconds() < 60


def test_a_folder_among_the_overrides_counts() -> None:
    assert call_config("train", ["out=there"], None).paths.output_dir == "there"
    assert call_config("train", ["paths.output_dir=there"], None).paths.output_dir == "there"


def test_unknown_words_are_refused_as_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match="did you mean tta"):
        call_config("predict", ["tt=2"], None)
