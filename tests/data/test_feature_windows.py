from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.data import NOWHERE, CompleteSpan, Coverage, CropRecipe
from rfcx_audio.data.feature_crops import LabelledWindows
from rfcx_audio.data.feature_windows import Grid, Known, labelled_windows
from rfcx_audio.data.labels import boxes_in, label_windows, rows_of, true_windows

SPECIES, HOP_S = 3, 0.5
DURATIONS_S = {"dawn": 20.0, "dusk": 9.3}
GRID = Grid(3, HOP_S)
RECIPE = CropRecipe(duration_s=2.0, min_overlap=0.5, frame_s=0.5)


def rows(count: int = 30, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = rng.choice(list(DURATIONS_S), count)
    starts = rng.uniform(0, 8.5, count)
    return pd.DataFrame(
        {
            "recording_id": names,
            "species_id": rng.integers(0, SPECIES, count),
            "songtype_id": 1,
            "present": rng.random(count) < 0.5,
            "weight": rng.choice([1.0, 0.4], count),
            "t_min": starts,
            "t_max": starts + rng.uniform(0.2, 0.8, count),
            "f_min": 500.0,
            "f_max": rng.uniform(600, 900, count),
        }
    )


def known(table: pd.DataFrame, coverage: Coverage = NOWHERE, calls: bool = False) -> Known:
    return Known(table, coverage, rows(40, 1) if calls else None, DURATIONS_S, SPECIES)


def totals() -> Mapping[str, int]:
    return {"dawn": 38, "dusk": 17}  # windows of 1 s


def found_in(table: pd.DataFrame, recipe: CropRecipe = RECIPE, **more: bool) -> LabelledWindows:
    return labelled_windows(known(table, **more), totals(), GRID, recipe)


@pytest.mark.parametrize("supervision", ["rows", "truth"])
def test_labels_are_those_of_each_crop_by_itself(supervision: str) -> None:
    table = rows()
    recipe = CropRecipe(2.0, frame_s=0.5, supervision=supervision)  # pyright: ignore[reportArgumentType]
    found = found_in(table, recipe, calls=True)
    calls = rows(40, 1).assign(present=True, weight=1.0)
    for crop in range(len(found.first)):
        name = found.recordings[found.recording[crop]]
        start = torch.tensor([HOP_S * found.first[crop]], dtype=torch.float64)
        own = rows_of(table[table["recording_id"] == name])
        theirs = rows_of(calls[calls["recording_id"] == name])
        truth = true_windows(theirs, start, 2.0, SPECIES, 0.5)
        labels = truth if supervision == "truth" else label_windows(own, start, 2.0, SPECIES, 0.5)
        got = found.labels(torch.tensor([crop]))
        for side in range(2):
            assert torch.equal(got.clip[side], labels[side])
            assert torch.equal(got.truth[side], truth[side])
        starts = start + 0.5 * torch.arange(4)
        make = true_windows if supervision == "truth" else label_windows
        frames = make(theirs if supervision == "truth" else own, starts, 0.5, SPECIES, 0.5)
        assert all(torch.equal(got.frame[side][0], frames[side]) for side in range(2))
        boxes = boxes_in(own, float(start), 2.0)
        count = len(boxes.species)
        for name_of, values in boxes._asdict().items():
            torch.testing.assert_close(getattr(got.boxes, name_of)[0, :count], values)
        assert (got.boxes.species[0, count:] == -1).all()


def test_a_row_is_drawn_with_every_crop_that_holds_enough_of_it() -> None:
    table = rows()
    found = found_in(table)
    for number, row in enumerate(table.itertuples()):
        starts = GRID.starts_s(totals()[str(row.recording_id)]).numpy()
        held = np.minimum(row.t_max, starts + 2) - np.maximum(row.t_min, starts)
        expected = starts[held >= 0.5 * (row.t_max - row.t_min)]
        crops = found.choices[number]
        assert np.allclose(HOP_S * found.first[crops], expected)
        assert {found.recordings[one] for one in found.recording[crops]} == {row.recording_id}
        drawn = {found.chosen(number, seed) for seed in range(200)}
        assert drawn == set(crops)


def test_a_row_that_no_crop_holds_enough_of_gets_the_one_that_holds_most_and_is_counted() -> None:
    table = rows(1).assign(recording_id="dawn", t_min=1.3, t_max=3.3)
    recipe = CropRecipe(2.0, min_overlap=0.95, frame_s=0.5)
    found = found_in(table, recipe)
    assert found.unlabelled == 1
    assert HOP_S * found.first[found.choices[0]] == pytest.approx([1.5])
    assert not found.labels(torch.from_numpy(found.choices[0])).clip.known.any()


def test_a_complete_span_is_drawn_by_the_crops_inside_it_where_silence_is_absence() -> None:
    table = rows(1).assign(recording_id="dusk")
    coverage = Coverage((CompleteSpan("dawn", 3.0, 6.2),))
    found = labelled_windows(known(table, coverage), totals(), GRID, RECIPE)
    crops = found.choices[1]
    assert np.allclose(HOP_S * found.first[crops], [3.0, 3.5, 4.0])
    labels = found.labels(torch.from_numpy(crops)).clip
    assert labels.known.all()
    assert not labels.target.any()


def test_background_is_where_no_row_is() -> None:
    table = rows(6)
    found = found_in(table, CropRecipe(2.0, frame_s=0.5, background_share=0.5))
    drawn = {found.chosen(-1, seed) for seed in range(2000)}
    expected = set()
    for crop in range(len(found.first)):
        name = found.recordings[found.recording[crop]]
        start = HOP_S * found.first[crop]
        own = table[table["recording_id"] == name]
        if ((own["t_max"] <= start) | (own["t_min"] >= start + 2)).all():
            expected.add(crop)
    assert drawn == expected
    assert {found.recordings[found.recording[crop]] for crop in drawn} == set(DURATIONS_S)


def test_background_is_refused_where_rows_are_everywhere() -> None:
    table = rows(1).assign(recording_id="dusk", t_min=0.0, t_max=9.3)
    found = found_in(table, CropRecipe(2.0, frame_s=0.5, background_share=0.5))
    with pytest.raises(ValueError, match="background_share=0"):
        found.chosen(-1, 0)


def test_truth_is_needed_for_supervision_by_truth() -> None:
    with pytest.raises(ValueError, match=r"truth\.csv"):
        found_in(rows(), CropRecipe(2.0, supervision="truth"))


def test_a_recording_shorter_than_a_crop_has_one_crop() -> None:
    assert GRID.starts_s(2).tolist() == [0.0]
