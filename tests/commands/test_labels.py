from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.commands.labels import labels_of
from rfcx_audio.config import load_config
from rfcx_audio.data import Annotations


@pytest.mark.parametrize("command", ["evaluate", "calibrate", "ensemble", "prevalence"])
def test_every_command_over_scores_takes_complete_truth(command: str, tmp_path: Path) -> None:
    rows = "recording_id,species,t_min,t_max\na,Reed bell,1,2\nb,Moss piper,3,4\n"
    (tmp_path / "own.csv").write_text(rows)
    (tmp_path / "where.csv").write_text("recording_id,t_max\nquiet,\na,8\n")

    def of(words: list[str]) -> Annotations:
        names = ("Moss piper", "Reed bell")
        return labels_of(load_config(command, words), names, ["a", "b", "quiet"])

    required = {"calibrate": ["oof=o"]}.get(command, ["scores=s"])
    words = [*required, f"labels={tmp_path}/own.csv"]
    assert not of(words).complete
    every = of([*words, "complete=true"]).complete
    assert every.named(["a", "b", "quiet"]) == ["a", "b"]
    some = of([*words, f"complete={tmp_path}/where.csv"]).complete
    assert some.whole("quiet", 60.0, 2).all()
    assert some.whole("a", 8.0, 2).all()
    assert not some.whole("a", 9.0, 2).any()
