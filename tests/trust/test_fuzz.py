"""No input makes a reader raise anything but its own errors, hang, or end the process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.data import AudioError, AudioReader, Recordings
from rfcx_audio.data.pseudo import PSEUDO_COLUMNS, read_pseudo
from rfcx_audio.data.rows import (
    RFCX_COLUMNS,
    AnnotationError,
    match_audio,
    read_rfcx,
    read_rows,
)
from rfcx_audio.data.truth import read_truth
from rfcx_audio.scoring import CONFIG_KEY, CheckpointError, read_checkpoint
from trust.corpus import tone, write
from trust.fuzz import Attempt, damaged_text, lost, mutated
from trust.ledger import Tally, brief_or_long

PART = "Bad tables and configurations"
TABLE = b"""recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max
003bec244,14,1,44.544,2531.25,45.1307,5531.25
006ab765f,23,1,39.9615,7235.16,46.0452,11283.4
007f87ba2,12,1,39.136,562.5,42.272,3281.25
"""


@pytest.mark.promise(PART, "an annotation table is read, or refused with file, line and reason")
def test_annotation_tables(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "train_tp.csv"

    def attempt(rng: np.random.Generator) -> None:
        path.write_bytes(damaged_text(TABLE, rng))
        rows = read_rows(path, present=True, num_species=24)
        numbers = rows[list(RFCX_COLUMNS[1:])].to_numpy(float)
        assert np.isfinite(numbers).all()
        assert rows["species_id"].between(0, 23).all()
        assert (rows["t_max"] > rows["t_min"]).all()
        assert not rows["recording_id"].str.contains("[/\\\\]").any()

    tries = brief_or_long(300, 50_000)
    tally.cases(tries, lost(attempt, (AnnotationError,), tries))


@pytest.mark.promise(PART, "a table of pseudo-labels is read, or refused with the reason")
def test_pseudo_tables(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "rows.csv"
    row = "a,3,1,0.5,100,1.5,900,True,0.5,1,teacher,0.93,1 2,f\n"
    table = (",".join(PSEUDO_COLUMNS) + "\n" + row * 3).encode()

    def attempt(rng: np.random.Generator) -> None:
        path.write_bytes(damaged_text(table, rng))
        read_pseudo(path)

    tries = brief_or_long(200, 10_000)
    tally.cases(tries, lost(attempt, (AnnotationError,), tries))


@pytest.mark.promise(PART, "a table of complete truth is read, or refused with the reason")
def test_truth_tables(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "truth.csv"
    table = b"split,recording_id,species_id,t_min\ntest,a,3,0.5\ntest,b,23,1\ntrain,NA,0,2\n"

    def attempt(rng: np.random.Generator) -> None:
        path.write_bytes(damaged_text(table, rng))
        assert read_truth(path, 24)["species_id"].between(0, 23).all()

    tries = brief_or_long(200, 10_000)
    tally.cases(tries, lost(attempt, (AnnotationError,), tries))


def audio_attempt(content: bytes, path: Path) -> Attempt:
    def attempt(rng: np.random.Generator) -> None:
        path.write_bytes(mutated(content, rng))
        for rate, stretch in ((48_000, (0.01, 0.05)), (32_000, (0.0, None))):
            samples = AudioReader(rate).read(path, *stretch)
            assert np.isfinite(samples).all()

    return attempt


@pytest.mark.promise("Bad audio", "a damaged file of any format is read, or named with its reason")
@pytest.mark.parametrize("name", ["a.wav", "b.flac", "c.ogg", "d.mp3"])
def test_audio_files(name: str, tmp_path: Path, tally: Tally) -> None:
    content = write(tmp_path / name, tone(duration_s=0.2)).read_bytes()
    tries = brief_or_long(100, 10_000)
    tally.cases(tries, lost(audio_attempt(content, tmp_path / name), (AudioError,), tries))


@pytest.mark.promise("Hostile input", "a damaged checkpoint is read, or refused with the reason")
def test_a_checkpoint_of_two_bytes(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"\x80\x02.")
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "last.ckpt")


@pytest.mark.promise("Hostile input", "a damaged checkpoint is read, or refused with the reason")
def test_checkpoints(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "last.ckpt"
    weights = {"model.a": torch.arange(6.0), "model.b": torch.ones(2, 3, dtype=torch.int64)}
    torch.save({CONFIG_KEY: "seed: 0\n", "state_dict": weights, "epoch": 3}, path)
    content = path.read_bytes()

    def attempt(rng: np.random.Generator) -> None:
        path.write_bytes(mutated(content, rng))
        read_checkpoint(path)

    tries = brief_or_long(200, 10_000)
    tally.cases(tries, lost(attempt, (CheckpointError,), tries))


@pytest.mark.promise(PART, "a folder of two tables and audio is matched, or refused")
def test_whole_folders(tmp_path: Path, tally: Tally) -> None:
    (tmp_path / "train").mkdir()
    for name in ("003bec244", "006ab765f"):
        write(tmp_path / "train" / f"{name}.flac", tone(duration_s=50.0))

    def attempt(rng: np.random.Generator) -> None:
        for kind in ("tp", "fp"):
            (tmp_path / f"train_{kind}.csv").write_bytes(damaged_text(TABLE, rng))
        found = Recordings.scan(tmp_path / "train")
        rows = read_rfcx(tmp_path, 24)
        kept, left_out = match_audio(rows, found.durations_s, "leave_out", found.failures)
        assert len(kept) + len(left_out) == len(rows)
        assert set(kept["recording_id"]) <= set(found.paths)
        pd.testing.assert_index_equal(left_out.columns.drop("reason"), rows.columns)

    tries = brief_or_long(50, 2000)
    tally.cases(tries, lost(attempt, (AnnotationError,), tries))
