from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from rfcx_audio.batch import Failure
from rfcx_audio.data import (
    AudioReader,
    CompleteSpan,
    Coverage,
    CropDataset,
    CropRecipe,
    Draw,
    Recordings,
    SoftLabels,
    SoftRecipe,
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


def every_3_s(name: str, durations_s: float, score: float) -> pd.DataFrame:
    """Windows of 3 s, with one score of every species."""
    begins = np.arange(0.0, durations_s - 2.9, 1.5)
    keys = {"recording_id": name, "t_min": begins, "t_max": begins + 3.0}
    return pd.DataFrame({**keys, **dict.fromkeys(map(str, range(24)), score)})


@pytest.mark.parametrize("span_s", [3.0, 0.25])
def test_soft_labels_fill_what_no_row_knows_and_change_nothing_that_is_known(
    span_s: float, rows: pd.DataFrame, recordings: Recordings, crops: CropDataset
) -> None:
    names = sorted(set(rows["recording_id"]))
    recipe = CropRecipe(3.0, soft=SoftRecipe(weight=0.5))
    table = pd.concat([every_3_s(name, recordings.durations_s[name], 0.7) for name in names])
    table["t_max"] = table["t_min"] + span_s
    soft = SoftLabels.of_table(table, [str(number) for number in range(24)])
    dataset = CropDataset(rows, recordings, AudioReader(48_000), recipe, 24, soft=soft)
    for index in range(0, len(rows), 9):
        plain, filled = crops[Draw(index, 5)].labels, dataset[Draw(index, 5)].labels
        pairs = [(plain.clip, filled.clip)]
        if span_s < 1:
            pairs.append((plain.frame, filled.frame))
        else:
            assert torch.equal(plain.frame.known, filled.frame.known)
        for before, after in pairs:
            was_known = before.known > 0
            assert torch.equal(after.target[was_known], before.target[was_known])
            assert torch.equal(after.known[was_known], before.known[was_known])
            assert torch.allclose(after.target[~was_known], torch.tensor(0.7))
            assert (after.known[~was_known] == 0.5).all()
    for seed in range(5):  # a draw behind the rows is of a recording, and of one of its windows
        place = len(rows) + 1
        name, start_s = dataset._place(Draw(place, seed), np.random.default_rng(seed))
        assert name == names[1]
        assert (start_s in soft.spans[name].starts_s) == (span_s == 3.0)


RATE = 24_000


@pytest.fixture
def field(tmp_path: Path) -> tuple[pd.DataFrame, Recordings]:
    """A tone of 6 kHz with a row, and low-frequency noise with a row that rules another out."""
    time = np.arange(10 * RATE) / RATE
    tone = np.where((time > 4) & (time < 5), 0.3 * np.sin(2 * np.pi * 6000 * time), 0)
    noise = 0.1 * np.sin(2 * np.pi * 500 * time)
    for name, sound in (("call", tone + noise), ("other", noise), ("third", 0 * noise)):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE)
    columns = ["recording_id", "species_id", "present", "t_min", "t_max", "f_min", "f_max"]
    lines = [
        ("call", 1, True, 4.0, 5.0, 5500.0, 6500.0),
        ("other", 0, False, 0.0, 10.0, 0.0, 1000.0),
        ("other", 1, False, 0.0, 10.0, 5500.0, 6500.0),
        ("third", 2, True, 0.0, 10.0, 0.0, 1000.0),
    ]
    rows = pd.DataFrame(lines, columns=pd.Index(columns)).assign(songtype_id=1, weight=1.0)
    return rows, Recordings.scan(tmp_path)


def pasting(field: tuple[pd.DataFrame, Recordings], share: float = 1.0) -> CropDataset:
    return CropDataset(*field, AudioReader(RATE), CropRecipe(3.0, pasted_share=share), 4)


def test_a_pasted_call_joins_the_labels_of_its_background(
    field: tuple[pd.DataFrame, Recordings],
) -> None:
    seen = set()
    for seed in range(30):
        crop = pasting(field)[Draw(0, seed)]
        assert not isinstance(crop, Failure)
        target, known = (part.tolist() for part in crop.labels.clip)
        assert (target[1], known[1], known[3]) == (1, 1, 0)  # though a row rules it out there
        background = {(0, 0): "call", (1, 0): "other", (0, 1): "third"}[known[0], known[2]]
        seen.add(background)
        assert (target[0], target[2]) == (0, known[2])
        boxes = crop.labels.boxes
        (own,) = ((boxes.species == 1) & boxes.present & (boxes.t_min >= -1e-6)).nonzero()[-1:, 0]
        begin, end = float(boxes.t_min[own]), float(boxes.t_max[own])
        assert 0 <= begin < end <= 3 + 1e-6
        if background == "call":
            continue
        frames = crop.labels.frame.target[:, 1]
        middle = torch.arange(0.05, 3, 0.1)
        assert torch.equal(
            frames[(middle > begin + 0.1) & (middle < end - 0.1)].unique(), torch.ones(1)
        )
        sound = crop.waveform.numpy()
        spectrum = [
            np.abs(np.fft.rfft(sound[round(a * RATE) : round(b * RATE)]))
            for a, b in ((begin, end), (0, begin))
        ]
        high = [part[int(len(part) * 0.48) : int(len(part) * 0.52)].sum() for part in spectrum]
        assert high[0] > 8 * high[1]
        assert crop.labels.rows is not None
        assert crop.labels.rows.tolist() == [-1]  # the row's memory is of its own recording
    assert seen == {"call", "other", "third"}


def test_only_confirmed_rows_are_pasted_and_as_often_as_wanted(
    field: tuple[pd.DataFrame, Recordings],
) -> None:
    def is_pasted(row: int, share: float, seed: int) -> bool:
        crop = pasting(field, share)[Draw(row, seed)]
        assert not isinstance(crop, Failure)
        own = crop.labels.clip.known.tolist()
        return own != [[0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]][row]

    assert not any(is_pasted(row, 1.0, seed) for row in (1, 2) for seed in range(9))
    assert not any(is_pasted(3, 0.0, seed) for seed in range(9))
    # Two of three backgrounds are known otherwise than the recording itself.
    assert 12 < sum(is_pasted(3, 0.5, seed) for seed in range(90)) < 48


def test_a_background_that_cannot_be_read_is_a_failure(
    field: tuple[pd.DataFrame, Recordings],
) -> None:
    dataset = pasting(field)
    for path in dataset.paths.values():
        path.write_bytes(b"RIFF")
    crop = dataset[Draw(0, 0)]
    assert isinstance(crop, Failure)
    assert "cannot be read" in crop.reason


def test_what_is_pasted_may_hold_any_species(field: tuple[pd.DataFrame, Recordings]) -> None:
    rows, recordings = field
    durations_s = recordings.durations_s
    complete = Coverage((CompleteSpan("*"),)).within(durations_s)
    calls = rows[rows["present"]]
    recipe = CropRecipe(3.0, pasted_share=1.0)
    dataset = CropDataset(
        rows, recordings, AudioReader(RATE), recipe, 4, calls=calls, coverage=complete
    )
    for seed in range(20):
        crop = dataset[Draw(0, seed)]
        assert not isinstance(crop, Failure)
        assert crop.labels.clip.known[3] == 0  # no row has this species
        assert not crop.labels.truth.known.any()
    # Of a row without a band all sound is pasted: what is ruled out below may come with it.
    anything = CropDataset(
        rows.assign(whole_band=[True, False, False, False]),
        recordings,
        AudioReader(RATE),
        recipe,
        4,
    )
    known = torch.stack([anything[Draw(0, seed)].labels.clip.known for seed in range(20)])
    assert not known[:, 0].any()
    assert known[:, 1].all()


def test_with_the_truth_for_supervision_nothing_is_pasted(
    field: tuple[pd.DataFrame, Recordings],
) -> None:
    rows, recordings = field
    recipe = CropRecipe(3.0, pasted_share=1.0, supervision="truth")
    calls = rows[rows["present"]]
    dataset = CropDataset(rows, recordings, AudioReader(RATE), recipe, 4, calls=calls)
    for seed in range(9):
        crop = dataset[Draw(0, seed)]
        assert not isinstance(crop, Failure)
        assert crop.labels.clip.target.tolist() == [0, 1, 0, 0]


def test_pseudo_labels_are_not_pasted(field: tuple[pd.DataFrame, Recordings]) -> None:
    rows, recordings = field
    recipe = CropRecipe(3.0, pasted_share=1.0)
    own = CropDataset(rows.assign(pseudo=True), recordings, AudioReader(RATE), recipe, 4)
    assert not own.can_paste.any()
