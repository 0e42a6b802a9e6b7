from pathlib import Path

import pandas as pd
import pytest

from own_tables import write_audio
from reviews import found, reviewed
from rfcx_audio import read_annotations
from rfcx_audio.data import Recordings
from rfcx_audio.data.verdict_table import labels_of_verdicts
from rfcx_audio.events import write_labels

SPECIES = ("owl", "wren")


@pytest.mark.parametrize("folder", ["", "marsh/"])
def test_labels_come_back_from_each_table(tmp_path: Path, folder: str) -> None:
    names = [f"{folder}{name}" for name in "abcd"]
    for name in names:
        write_audio(tmp_path / "audio" / f"{name}.wav")
    audio = Recordings.scan(tmp_path / "audio", at_any_depth=True)
    store = reviewed(tmp_path, names)
    labels = labels_of_verdicts(store.answers())
    left_out = write_labels(labels, tmp_path / "out", audio, SPECIES)
    written = ["labels.csv", "raven/labels.selections.txt", *([] if folder else ["rfcx"])]
    assert len(left_out) == (1 if folder else 0)
    for place in (store.path, *(tmp_path / "out" / one for one in written)):
        rows = read_annotations(place, SPECIES, f_max=4000.0, recordings=audio).rows
        assert found(rows) == [
            (names[0], 0, True, 0.5, 1.5, 300.0, 900.0),
            (names[1], 0, False, 0.0, 3.0, 0.0, 4000.0),
            (names[3], 0, False, 0.0, 3.0, 0.0, 4000.0),
            (names[3], 1, True, 0.0, 3.0, 0.0, 4000.0),
        ]


def test_the_table_for_spreadsheets_has_who_and_when(tmp_path: Path) -> None:
    labels = labels_of_verdicts(reviewed(tmp_path, list("abcd")).answers())
    left_out = write_labels(labels, tmp_path / "out", None, SPECIES)
    assert left_out == ["raven: give recordings=…", "rfcx: give recordings=…"]
    table = pd.read_csv(tmp_path / "out" / "labels.csv")
    assert set(table["reviewer"]) == {"ana"}
    assert table["note"].fillna("").to_list() == ["", "rain", "", ""]
    assert pd.to_datetime(table["answered"]).notna().all()


def test_as_long_as_nothing_is_settled_the_tables_are_empty(tmp_path: Path) -> None:
    write_audio(tmp_path / "audio" / "a.wav")
    audio = Recordings.scan(tmp_path / "audio")
    labels = labels_of_verdicts(reviewed(tmp_path, list("abcd")).answers())
    assert write_labels(labels.iloc[:0], tmp_path / "out", audio, SPECIES) == []
    table = pd.read_csv(tmp_path / "out" / "raven" / "labels.selections.txt", sep="\t")
    assert len(table) == 0
