from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.batch import Failure
from rfcx_audio.data import (
    AudioReader,
    CropDataset,
    CropRecipe,
    CropSampler,
    Draw,
    FileDataset,
    RecordingDataset,
    Recordings,
    collate_crops,
    match_audio,
    read_rfcx,
)
from rfcx_audio.data.dataset import BACKGROUND


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
        assert crop.labels.clip.known[row["species_id"]] == 1
        assert crop.labels.clip.target[row["species_id"]] == float(row["present"])


def test_a_crop_depends_on_its_draw_only(crops: CropDataset) -> None:
    first, again, other = crops[Draw(0, 1)], crops[Draw(0, 1)], crops[Draw(0, 2)]
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])


def test_crops_say_around_which_row_they_were_cut(crops: CropDataset) -> None:
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
        told = partial.clip.known * partial.truth.known > 0
        assert torch.equal(partial.clip.target[told], partial.truth.target[told])
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


@given(
    st.integers(0, 40),
    st.integers(0, 80),
    st.floats(0, 1),
    st.floats(0, 0.9),
    st.integers(1, 300),
    st.integers(1, 3),
)
def test_an_epoch_has_the_shares_asked_for(
    num_tp: int, num_fp: int, tp_share: float, background: float, total: int, world_size: int
) -> None:
    present = np.array([True] * num_tp + [False] * num_fp)
    if not len(present):
        return
    recipe = CropRecipe(6.0, 0.5, tp_share, background, crops_per_epoch=total)
    parts = [
        [draw.row for draw in CropSampler(present, ~present & False, recipe, 0, rank, world_size)]
        for rank in range(world_size)
    ]
    assert len({len(part) for part in parts}) == 1
    drawn = np.concatenate(parts)
    expected = max(world_size, total - total % world_size)
    assert len(drawn) == expected
    assert np.sum(drawn == BACKGROUND) == round(expected * background)
    told = drawn[drawn != BACKGROUND]
    share = 0.0 if not num_tp else 1.0 if not num_fp else tp_share
    assert np.sum(present[told]) == round(len(told) * share)
    for kind in (True, False):
        times = np.bincount(told[present[told] == kind], minlength=len(present))[present == kind]
        assert not len(times) or times.max() - times.min() <= 1


def test_every_tp_row_appears_eight_times_an_epoch_by_default() -> None:
    present = np.array([True] * 10 + [False] * 50)
    draws = list(CropSampler(present, np.zeros(60, bool), CropRecipe(6.0), seed=0))
    assert sorted(draw.row for draw in draws if draw.row < 10) == sorted(8 * list(range(10)))
    assert len(draws) == 160


def test_pseudo_rows_have_a_share_of_their_own() -> None:
    present = np.array([True] * 10 + [False] * 10 + [True] * 30)
    pseudo = np.arange(50) >= 20
    recipe = CropRecipe(6.0, tp_share=0.75, pseudo_share=0.4, crops_per_epoch=100)
    drawn = np.array([draw.row for draw in CropSampler(present, pseudo, recipe, seed=0)])
    counts = [np.sum(drawn < 10), np.sum((drawn >= 10) & (drawn < 20)), np.sum(drawn >= 20)]
    assert counts == [45, 15, 40]


def test_epochs_differ_and_repeat_by_seed() -> None:
    present = np.array([True] * 10 + [False] * 50)
    sampler = CropSampler(present, np.zeros(60, bool), CropRecipe(6.0), seed=0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"tp_share": 1.5},
        {"background_share": -1},
        {"pseudo_share": 2},
        {"min_overlap": 0},
        {"duration_s": 0},
        {"frame_s": 7.0},
        {"supervision": "guess"},
    ],
)
def test_a_recipe_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CropRecipe(**{"duration_s": 6.0, **wrong})


def test_a_recording_carries_its_rows_or_its_complete_truth(
    forest: Path, rows: pd.DataFrame, recordings: Recordings
) -> None:
    reader = AudioReader(48_000)
    partial = RecordingDataset(recordings, reader, rows, None, 24)[0]
    assert partial.waveform.shape == (1, 12 * 48_000)
    assert len(partial.rows.species) == (rows["recording_id"] == partial.recording_id).sum()

    truth = pd.read_csv(forest / "truth.csv", dtype={"recording_id": str})
    test = Recordings.scan(forest / "test")
    complete = RecordingDataset(test, reader, rows, truth, 24)[0]
    calls = truth.loc[truth["recording_id"] == complete.recording_id, "species_id"]
    assert complete.labels.known.all()
    assert set(torch.nonzero(complete.labels.target)[:, 0].tolist()) == set(calls)


def test_files_that_cannot_be_read_are_returned_as_failures(
    noise_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.flac").write_bytes(b"")
    paths = {"broken": tmp_path / "broken.flac", "noise": noise_file}
    dataset = FileDataset(paths, AudioReader(48_000))
    name, failure = dataset[0]
    assert name == "broken"
    assert isinstance(failure, Failure)
    assert dataset[1][1].shape == (96_000,)


@pytest.mark.data
def test_real_rows_without_audio_are_left_out_and_counted(real_data: Path) -> None:
    rows = read_rfcx(real_data, 24)
    train = Recordings.scan(real_data / "train")
    usable, left_out = match_audio(rows, train.durations_s, "leave_out", train.failures)
    assert (len(usable), len(left_out)) == (26, 8971)
    assert usable["recording_id"].nunique() == 14
