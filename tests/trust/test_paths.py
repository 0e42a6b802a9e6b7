"""No table reaches a file outside the folder of its data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import soundfile

from rfcx_audio.data import AudioReader, CropRecipe, Recordings, RfcxFolder
from rfcx_audio.data.crop_dataset import CropDataset
from rfcx_audio.data.rows import RFCX_COLUMNS, AnnotationError, read_rows
from rfcx_audio.data.sampler import Draw
from trust.corpus import tone, write
from trust.ledger import Tally

PART = "Hostile input"
REACHING = [
    "../../secret",
    "../secret",
    "train/../../secret",
    "./../../secret",
    "..\\..\\secret",
    "....//....//secret",
    "link/secret",
    "link\\secret",
    "/etc/passwd",
    "C:\\secret",
    "file:///secret",
    "~/secret",
    "..",
    ".",
    "",
    "secret\0",
    "%2e%2e%2fsecret",
    "secret",
    "$HOME",
    "$(touch secret)",
    "`touch secret`",
    "|touch secret",
    "*",
    "\u2025/secret",
    "\uff0e\uff0e\uff0fsecret",
]
"""Ids that would reach one of the `secret.wav`, or something else outside, if they were paths."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data set of one recording; outside of it a secret file, and a link to its folder."""
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    write(tmp_path / "data" / "train" / "inside.wav", tone())
    for folder in (tmp_path, tmp_path / "data", tmp_path / "outside"):
        write(folder / "secret.wav", tone())
    (tmp_path / "data" / "train" / "link").symlink_to(tmp_path / "outside")
    return tmp_path / "data"


def tables(root: Path, recording: str) -> None:
    rows = [["inside", 1, 1, 0.0, 100, 0.3, 900], [recording, 1, 1, 0.0, 100, 0.3, 900]]
    for kind in ("tp", "fp"):
        table = pd.DataFrame(rows, columns=pd.Index(RFCX_COLUMNS))
        table.to_csv(root / f"train_{kind}.csv", index=False)


@pytest.mark.promise(PART, "no path in a table leads out of its data set")
@pytest.mark.filterwarnings("ignore:.*NULL byte")
def test_no_recording_id_leads_out(
    root: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    opened: list[Path] = []
    read = soundfile.SoundFile.__init__

    def watched(self: Any, file: Any, *more: Any, **kind: Any) -> None:
        opened.append(Path(os.fsdecode(file)))
        read(self, file, *more, **kind)

    monkeypatch.setattr(soundfile.SoundFile, "__init__", watched)
    for name in REACHING:
        opened.clear()
        tables(root, name)
        try:
            corpus = RfcxFolder(str(root), 24).load()
        except AnnotationError:
            corpus = None
        if corpus is not None:
            recipe = CropRecipe(0.2)
            dataset = CropDataset(
                corpus.usable, corpus.train, AudioReader(48_000), recipe, 24, None
            )
            for row in range(len(corpus.usable)):
                dataset[Draw(row, 0)]
        outside = [path for path in opened if path.resolve().parent != root / "train"]
        tally.case(not outside, f"{name!r} opened {outside}")
    assert opened  # the reads are intercepted


@pytest.mark.promise(PART, "no path in a table leads out of its data set")
@pytest.mark.parametrize("name", [name for name in REACHING if "/" in name or "\\" in name])
def test_an_invalid_file_name_is_reported_with_its_line(root: Path, name: str) -> None:
    tables(root, name)
    with pytest.raises(AnnotationError, match=r"line 3: .*is no file name"):
        read_rows(root / "train_tp.csv", present=True, num_species=24)


@pytest.mark.promise(PART, "no path in a table leads out of its data set")
def test_a_folder_is_not_searched_below(root: Path) -> None:
    assert list(Recordings.scan(root / "train").paths) == ["inside"]


@pytest.mark.promise(PART, "a recording that its owner linked into the folder is used")
def test_a_linked_recording_is_used(root: Path) -> None:
    (root / "train" / "linked.wav").symlink_to(root / "secret.wav")
    assert list(Recordings.scan(root / "train").paths) == ["inside", "linked"]
