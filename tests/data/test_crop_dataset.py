from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.batch import Failure
from rfcx_audio.data import (
    AudioReader,
    CropDataset,
    CropRecipe,
    Draw,
    Recordings,
    collate_crops,
    read_rfcx,
)
from rfcx_audio.data.sampler import BACKGROUND


@pytest.fixture(scope="module")
def rows(forest: Path) -> pd.DataFrame:
    return read_rfcx(forest, 24)


@pytest.fixture(scope="module")
def recordings(forest: Path) -> Recordings:
    return Recordings.scan(forest / "train")


@pytest.fixture(scope="module")
def crops(rows: pd.DataFrame, recordings: Recordings) -> CropDataset:
    return CropDataset(rows, recordings, AudioReader(48_000), CropRecipe(3.0), 24)


def test_a_crop_around_a_row_is_labelled_by_it(crops: CropDataset, rows: pd.DataFrame) -> None:
    for index, row in rows.iloc[::7].iterrows():
        crop = crops[Draw(index, seed=5)]
        assert not isinstance(crop, Failure)
        assert crop.waveform.shape == (3 * 48_000,)
        known = crop.labels.clip.known[row["species_id"]]
        covered = min(1.0, (row["t_max"] - row["t_min"]) / 3.0)
        assert known == 1 if row["present"] else known >= covered - 1e-6
        assert crop.labels.clip.target[row["species_id"]] == float(row["present"])


def test_a_crop_depends_on_its_draw_only(crops: CropDataset) -> None:
    first, again, other = crops[Draw(0, 1)], crops[Draw(0, 1)], crops[Draw(0, 2)]
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


def test_crops_name_the_row_around_which_they_were_cut(crops: CropDataset) -> None:
    batch = collate_crops([crops[Draw(3, 0)], crops[Draw(BACKGROUND, 0)], crops[Draw(3, 1)]])
    assert batch.labels.rows is not None
    assert batch.labels.rows.tolist() == [[3], [BACKGROUND], [3]]


def test_background_knows_nothing(crops: CropDataset) -> None:
    crop = crops[Draw(BACKGROUND, 0)]
    assert not isinstance(crop, Failure)
    assert not crop.labels.clip.known.any()


def test_frames_and_boxes_of_a_crop_follow_from_its_rows(
    crops: CropDataset, rows: pd.DataFrame
) -> None:
    for index, row in rows.iloc[::7].iterrows():
        labels = crops[Draw(index, seed=5)].labels
        assert labels.frame.known.shape == (30, 24)
        boxes = labels.boxes
        same = (boxes.species == row["species_id"]) & (boxes.present == row["present"])
        same &= (boxes.t_max - boxes.t_min - (row["t_max"] - row["t_min"])).abs() < 1e-3
        assert same.any()
        place = int(torch.nonzero(same)[0, 0])
        middle = float(boxes.t_min[place] + boxes.t_max[place]) / 2
        if 0 < middle < 3.0:
            frame = int(middle / 0.1)
            assert labels.frame.known[frame, row["species_id"]] == 1
            assert labels.frame.target[frame, row["species_id"]] == float(row["present"])


def test_the_truth_of_a_crop_is_beside_its_labels_or_in_their_place(
    forest: Path, rows: pd.DataFrame, recordings: Recordings
) -> None:
    truth = pd.read_csv(forest / "truth.csv", dtype={"recording_id": str})
    calls = truth[truth["split"] == "train"]
    reader = AudioReader(48_000)
    beside = CropDataset(rows, recordings, reader, CropRecipe(3.0), 24, calls)
    instead = CropDataset(rows, recordings, reader, CropRecipe(3.0, supervision="truth"), 24, calls)
    for index in rows.index[::9]:
        partial, complete = beside[Draw(index, 5)].labels, instead[Draw(index, 5)].labels
        known = partial.clip.known * partial.truth.known > 0
        assert torch.equal(partial.clip.target[known], partial.truth.target[known])
        assert torch.equal(complete.clip.target, partial.truth.target)
        assert complete.clip.known.mean() > 0.8
        assert complete.frame.known.mean() > 0.8
    with pytest.raises(ValueError, match="supervision=rows"):
        CropDataset(rows, recordings, reader, CropRecipe(3.0, supervision="truth"), 24)


def test_no_room_for_background_is_an_error(rows: pd.DataFrame, recordings: Recordings) -> None:
    dataset = CropDataset(rows, recordings, AudioReader(48_000), CropRecipe(50.0), 24)
    with pytest.raises(ValueError, match="background_share=0"):
        dataset[Draw(BACKGROUND, 0)]


def test_a_file_that_breaks_later_is_named_and_left_out_of_the_batch(
    forest: Path, rows: pd.DataFrame, recordings: Recordings, tmp_path: Path
) -> None:
    broken_id = rows["recording_id"].iloc[0]
    broken = tmp_path / f"{broken_id}.flac"
    broken.write_bytes((forest / "train" / broken.name).read_bytes()[:30_000])
    paths = recordings.paths | {broken_id: broken}
    dataset = CropDataset(
        rows,
        Recordings(paths, recordings.infos, {}),
        AudioReader(48_000),
        CropRecipe(12.0),
        24,
    )
    other = int(np.flatnonzero(rows["recording_id"] != broken_id)[0])
    batch = collate_crops([dataset[Draw(0, 3)], dataset[Draw(other, 4)]])
    assert len(batch.waveform) == 1
    assert batch.seed == 4
    assert batch.failures[0].recording_id == broken_id
    nothing = collate_crops([dataset[Draw(0, 3)]])
    assert len(nothing.waveform) == 0
    assert len(nothing.failures) == 1
