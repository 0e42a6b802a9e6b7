from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.batch import Labels
from rfcx_audio.data import (
    complete_labels,
    known_share,
    label_recording,
    label_windows,
    rows_of,
)
from rfcx_audio.data.labels import (
    boxes_in,
    crop_windows,
    rows_by_recording,
    stack_boxes,
    true_windows,
)

SPECIES = 5
COLUMNS = ["species_id", "present", "weight", "t_min", "t_max"]


def table(*rows: tuple[int, bool, float, float, float]) -> pd.DataFrame:
    labelled = pd.DataFrame(list(rows), columns=pd.Index(COLUMNS))
    return labelled.assign(songtype_id=1, f_min=100.0, f_max=200.0)


def label(rows: pd.DataFrame, start: float, duration: float = 6.0, overlap: float = 0.5) -> Labels:
    labels = label_windows(rows_of(rows), torch.tensor([start]), duration, SPECIES, overlap)
    return Labels(labels.target[0], labels.known[0])


def test_present_absent_and_unknown() -> None:
    labels = label(table((1, True, 1.0, 2, 4), (3, False, 1.0, 2, 5)), 0)
    assert labels.known.tolist() == [0, 1, 0, 0.5, 0]
    assert labels.target[1] == 1
    assert labels.target[3] == 0


def test_a_row_outside_the_window_labels_nothing() -> None:
    assert not label(table((1, True, 1.0, 7, 9), (2, False, 1.0, 6, 8)), 0).known.any()


def test_half_of_the_row_must_lie_in_the_window() -> None:
    for present in (True, False):
        row = table((1, present, 1.0, 5, 7))
        assert label(row, 0).known[1] > 0  # 5 to 6 of 5 to 7
        assert label(row, -0.1).known[1] == 0


def test_an_absence_is_known_to_the_share_of_the_window_that_its_rows_cover() -> None:
    short, long = (1, False, 1.0, 1, 2.5), (1, False, 0.5, 3, 6)
    assert label(table(short), 0).known[1] == 0.25
    assert label(table(short), 0, duration=1.0).known[1] == 0
    assert label(table(short), 1, duration=1.5).known[1] == 1
    assert label(table(short), 1.5, duration=0.5).known[1] == 1  # a window within the row
    assert label(table(short, long), 0).known[1] == 0.25 + 0.5 * 0.5
    assert label(table(short, long, (2, False, 1.0, 0, 3)), 0).known.tolist() == [0, 0.5, 0.5, 0, 0]
    assert label(table(*3 * [(1, False, 1.0, 0, 4)]), 0).known[1] == 1  # and not 2


def test_a_row_longer_than_the_window_needs_half_of_the_window() -> None:
    row = table((1, True, 1.0, 0, 20))
    assert label(row, 17).known[1] == 1
    assert label(row, 17.1).known[1] == 0


def test_a_piece_of_a_confirmed_call_makes_absence_unknown() -> None:
    rows = table((1, True, 1.0, 5.5, 8), (1, False, 1.0, 1, 2))
    assert label(rows, 0).known[1] == 0
    assert label(rows.iloc[1:], 0).known[1] > 0


def test_presence_wins_over_absence() -> None:
    labels = label(table((1, False, 1.0, 1, 2), (1, True, 1.0, 3, 4)), 0)
    assert (labels.target[1], labels.known[1]) == (1, 1)


def test_the_strongest_row_decides_how_surely_it_is_known() -> None:
    labels = label(table((1, True, 0.5, 1, 2), (1, True, 0.75, 3, 4), (2, False, 0.25, 1, 4)), 0)
    assert labels.known.tolist() == [0, 0.75, 0.125, 0, 0]


def test_a_recording_knows_presence_but_not_absence() -> None:
    labels = label_recording(rows_of(table((1, True, 1.0, 2, 4), (3, False, 1.0, 3, 5))), SPECIES)
    assert labels.known.tolist() == [0, 1, 0, 0, 0]
    assert labels.target.tolist() == [0, 1, 0, 0, 0]


def test_complete_truth_knows_everything() -> None:
    labels = complete_labels([2, 2, 4], SPECIES)
    assert labels.target.tolist() == [0, 0, 1, 0, 1]
    assert labels.known.tolist() == [1] * SPECIES


seconds = st.floats(0, 30, allow_nan=False, width=32)
any_row = st.tuples(
    st.integers(0, SPECIES - 1),
    st.booleans(),
    st.sampled_from([0.25, 0.5, 1.0]),
    seconds,
    st.floats(0.125, 15, width=32),
).map(lambda row: (*row[:4], row[3] + row[4]))


def by_loop(
    rows: list[tuple[int, bool, float, float, float]], start: float, duration: float, share: float
) -> tuple[np.ndarray, np.ndarray]:
    target, known = np.zeros(SPECIES), np.zeros(SPECIES)
    for species in range(SPECIES):
        surest, covered = 0.0, 0.0
        touched = False
        for which, present, weight, t_min, t_max in rows:
            if which != species:
                continue
            overlap = min(t_max, start + duration) - max(t_min, start)
            touched |= present and overlap > 0
            if overlap >= share * min(t_max - t_min, duration) - 1e-9:
                if present:
                    surest = max(surest, weight)
                else:
                    covered += weight * overlap / duration
        if surest:
            target[species], known[species] = 1, surest
        elif not touched:
            known[species] = min(1, covered)
    return target, known


@given(
    st.lists(any_row, max_size=12),
    st.lists(st.floats(-5, 30, width=32), min_size=1, max_size=4),
    st.floats(0.5, 10, width=32),
    st.sampled_from([0.1, 0.5, 1.0]),
)
def test_labels_equal_a_plain_loop(
    rows: list[tuple[int, bool, float, float, float]],
    starts: list[float],
    duration: float,
    share: float,
) -> None:
    starts_s = torch.tensor(starts, dtype=torch.float64)
    labels = label_windows(rows_of(table(*rows)), starts_s, duration, SPECIES, share)
    for window, start in enumerate(starts):
        target, known = by_loop(rows, start, duration, share)
        assert np.array_equal(labels.target[window].numpy(), target)
        np.testing.assert_allclose(labels.known[window].numpy(), known, atol=1e-6)


def test_complete_truth_leaves_only_pieces_of_calls_unknown() -> None:
    calls = rows_of(table((1, True, 1.0, 2, 4), (2, True, 1.0, 5.5, 8), (3, True, 1.0, 9, 10)))
    labels = true_windows(calls, torch.tensor([0.0]), 6.0, SPECIES, 0.5)
    assert labels.target[0].tolist() == [0, 1, 0, 0, 0]
    assert labels.known[0].tolist() == [1, 1, 0, 1, 1]


def test_boxes_are_the_rows_that_touch_a_crop_from_its_start() -> None:
    rows = rows_of(table((1, True, 1.0, 2, 4), (2, False, 0.5, 6.5, 8), (3, True, 1.0, 9, 10)))
    boxes = boxes_in(rows, 3.0, 4.0)
    assert boxes.species.tolist() == [1, 2]
    assert boxes.present.tolist() == [True, False]
    assert boxes.t_min.tolist() == [-1, 3.5]
    assert boxes.t_max.tolist() == [1, 5]
    stacked = stack_boxes([boxes, boxes_in(rows, 20.0, 4.0)])
    assert stacked.species.tolist() == [[1, 2], [-1, -1]]
    assert stacked.f_max.tolist() == [[200, 200], [0, 0]]


def test_what_only_meets_a_window_does_not_touch_it() -> None:
    around = [(1, True, 1.0, 6, 8), (2, True, 1.0, -2, 0)]
    ruled_out = [(1, False, 1.0, 1, 2), (2, False, 1.0, 1, 2)]
    assert label(table(*around, *ruled_out), 0).known.nonzero().flatten().tolist() == [1, 2]
    rows = rows_of(table(*around))
    assert true_windows(rows, torch.tensor([0.0]), 6.0, SPECIES, 0.5).known.all()
    assert boxes_in(rows, 0.0, 6.0).species.tolist() == []


def test_rows_have_fixed_types_whatever_the_table_has() -> None:
    labelled = table((1, True, 1.0, 2, 4)).astype(
        {"songtype_id": float, "t_min": int, "f_min": int}
    )
    rows = rows_of(labelled.astype({"f_max": "float32", "species_id": "int8"}))
    assert {rows.species.dtype, rows.songtype.dtype} == {torch.int64}
    assert {part.dtype for part in (rows.t_min, rows.t_max, rows.f_min, rows.f_max)} == {
        torch.float64
    }
    assert (rows.present.dtype, rows.weight.dtype) == (torch.bool, torch.float32)


def test_each_recording_has_its_rows() -> None:
    labelled = table((1, True, 1.0, 2, 4), (2, True, 1.0, 1, 2), (3, False, 1.0, 3, 5))
    found = rows_by_recording(labelled.assign(recording_id=["b", "a", "b"]))
    assert {name: rows.species.tolist() for name, rows in found.items()} == {"a": [2], "b": [1, 3]}
    assert list(found) == ["a", "b"]


@given(st.lists(any_row, max_size=12), st.floats(-5, 30, width=32))
def test_windows_of_several_lengths_are_labelled_as_each_alone(
    rows: list[tuple[int, bool, float, float, float]], start: float
) -> None:
    found = rows_of(table(*rows))
    durations = torch.tensor([6.0, 0.1, 2.5], dtype=torch.float64)
    starts = start + torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    for label_them in (label_windows, true_windows):
        together = label_them(found, starts, durations, SPECIES, 0.5)
        for number, duration in enumerate(durations.tolist()):
            one = label_them(found, starts[number, None], duration, SPECIES, 0.5)
            assert torch.equal(together.target[number], one.target[0])
            assert torch.equal(together.known[number], one.known[0])


def test_the_known_share_counts_cells_once() -> None:
    rows = pd.DataFrame({"recording_id": ["a", "a", "b"], "species_id": [1, 1, 2]})
    assert known_share(rows, 10) == pytest.approx(2 / 20)
    assert np.isnan(known_share(rows[:0], 10))


def test_a_window_is_absent_where_it_is_complete_and_no_call_touches_it() -> None:
    calls = rows_of(table((0, True, 1.0, 4, 7), (1, False, 1.0, 0, 6)))
    starts = torch.tensor([0.0, 6.0, 12.0])
    complete = torch.zeros(3, SPECIES, dtype=torch.bool)
    complete[0], complete[2, 2] = True, True
    labels = label_windows(calls, starts, 6.0, SPECIES, 0.5, complete)
    assert labels.target.nonzero().tolist() == [[0, 0]]
    expected = torch.zeros(3, SPECIES)
    expected[0], expected[2, 2] = 1, 1
    assert torch.equal(labels.known, expected)
    assert torch.equal(
        label_windows(calls, starts, 6.0, SPECIES, 0.5, complete & False).known,
        label_windows(calls, starts, 6.0, SPECIES, 0.5).known,
    )


def test_a_recording_is_absent_of_what_is_complete_and_has_no_call() -> None:
    calls = rows_of(table((0, True, 1.0, 4, 7), (1, False, 1.0, 0, 6)))
    complete = torch.tensor([True, False, True] + [False] * (SPECIES - 3))
    labels = label_recording(calls, SPECIES, complete)
    assert labels.target.nonzero().tolist() == [[0]]
    assert labels.known.nonzero().flatten().tolist() == [0, 2]


def test_the_windows_of_crops_are_each_crop_and_its_frames_exactly() -> None:
    starts_s = torch.tensor([0.0, 1234.1], dtype=torch.float64)
    starts, durations = crop_windows(starts_s, 0.7, 7)
    expected = [
        (start + offset, length)
        for start in starts_s.tolist()
        for offset, length in [(0.0, 0.7), *((0.7 / 7 * number, 0.7 / 7) for number in range(7))]
    ]
    assert list(zip(starts.tolist(), durations.tolist(), strict=True)) == expected
