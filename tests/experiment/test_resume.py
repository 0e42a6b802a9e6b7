from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import CompleteSpan, Corpus, Coverage, Recordings
from rfcx_audio.experiment.resume import is_finished, keep_labels, keep_settings, mark_finished


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


def test_labels_that_change_are_refused_with_their_numbers(tmp_path: Path) -> None:
    names = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "present"]
    rows = pd.DataFrame([("a", 0, 0.0, 1.0, 100.0, 200.0, True)] * 3, columns=pd.Index(names))
    train = Recordings(tmp_path, {}, {}, {})
    corpus = Corpus(rows, rows, rows.iloc[:0], train, None, None, None)
    spans = (CompleteSpan("a", 0.0, 3.0, frozenset({1, 0})),)
    corpus = replace(corpus, coverage=Coverage(spans))
    species = ("frog", "bird")
    keep_labels(tmp_path, corpus, species, "mine")
    keep_labels(tmp_path, corpus, list(species), "elsewhere")
    fewer = replace(corpus, rows=rows.iloc[:2])
    with pytest.raises(ValueError, match=r"(?s)data.root=mine have changed .*3 rows then, 2 rows"):
        keep_labels(tmp_path, fewer, species, "mine")
    others = {
        "rows": (replace(corpus, rows=rows.assign(present=False)), species),
        "names": (corpus, ("bird", "frog")),
        "complete": (replace(corpus, coverage=Coverage()), species),
        "pseudo": (replace(corpus, pseudo=rows), species),
    }
    for changed, names_of in others.values():
        with pytest.raises(ValueError, match="have changed"):
            keep_labels(tmp_path, changed, names_of, "mine")
