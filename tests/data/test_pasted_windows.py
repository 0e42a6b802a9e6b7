from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.batch import Rows
from rfcx_audio.data import CropRecipe, SoftLabels, SoftRecipe
from rfcx_audio.data.labels import boxes_in, label_windows, rows_of
from rfcx_audio.data.pasted_windows import PastedLabels, label_pasted

SPECIES, WINDOW_S = 4, 2.0
RECIPE = CropRecipe(WINDOW_S, min_overlap=0.5, frame_s=0.5)
COLUMNS = ["recording_id", "species_id", "present", "t_min", "t_max"]


def rows_with(*rows: tuple[str, int, bool, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    return table.assign(songtype_id=1, weight=1.0, f_min=300.0, f_max=700.0)


def many(count: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    starts = rng.uniform(0, 8, count)
    table = rows_with(
        *zip(
            rng.choice(["marsh", "ridge"], count).tolist(),
            rng.integers(0, SPECIES, count).tolist(),
            (rng.random(count) < 0.5).tolist(),
            starts.tolist(),
            (starts + rng.uniform(0.1, 3, count)).tolist(),  # some are longer than a window
            strict=True,
        )
    )
    return table.assign(weight=rng.choice([1.0, 0.3], count))


def pasted_on(background: str, begin: float, row: int = 0, offset: float = 0.5) -> pd.DataFrame:
    place = {"background_id": background, "background_s": begin, "offset_s": offset}
    return pd.DataFrame([{"row": row, **place}])


def cells(table: pd.DataFrame, rows: pd.DataFrame) -> list[float | None]:
    """Of the only window: 1 present, 0 absent, None unknown."""
    target, known = label_pasted(table, rows, RECIPE, SPECIES).clip
    pairs = zip(target[0].tolist(), known[0].tolist(), strict=True)
    return [value if certain else None for value, certain in pairs]


CALL = ("ridge", 0, True, 4.0, 4.6)


def test_the_species_of_the_call_is_present_and_nothing_else_is_known() -> None:
    assert cells(pasted_on("marsh", 1.0), rows_with(CALL)) == [1.0, None, None, None]


def test_what_is_known_of_the_background_stays() -> None:
    rows = rows_with(
        CALL,
        ("marsh", 1, True, 1.2, 2.0),  # inside
        ("marsh", 2, True, 0.0, 1.2),  # a little of it inside: unknown
        ("marsh", 2, False, 1.0, 3.0),
        ("marsh", 3, False, 0.5, 3.5),  # covers
        ("ridge", 3, True, 1.2, 2.0),  # another recording
    )
    assert cells(pasted_on("marsh", 1.0), rows) == [1.0, 1.0, None, 0.0]


def test_a_species_ruled_out_in_the_background_is_present_where_its_call_is_pasted() -> None:
    rows = rows_with(CALL, ("marsh", 0, False, 0.5, 3.5))
    assert cells(pasted_on("marsh", 1.0), rows) == [1.0, None, None, None]


def test_beside_a_call_without_a_band_nothing_stays_ruled_out() -> None:
    rows = rows_with(CALL, ("marsh", 1, True, 1.2, 2.0), ("marsh", 3, False, 0.5, 3.5))
    whole = rows.assign(whole_band=[True, False, False])
    assert cells(pasted_on("marsh", 1.0), whole) == [1.0, 1.0, None, None]


def oracle(table: pd.DataFrame, rows: pd.DataFrame, number: int) -> Rows:
    """The rows of one window by itself, in s from its start."""
    one, call = table.iloc[number], rows.iloc[[table["row"].iloc[number]]]
    length = min(WINDOW_S, (call["t_max"] - call["t_min"]).item())
    call = call.assign(t_min=one["offset_s"], t_max=one["offset_s"] + length)
    own = rows[rows["recording_id"] == one["background_id"]]
    own = own.assign(t_min=own["t_min"] - one["background_s"])
    own = own.assign(t_max=own["t_max"] - one["background_s"])
    return rows_of(pd.concat([call, own]))


def in_all_places() -> tuple[pd.DataFrame, pd.DataFrame, PastedLabels]:
    """More windows than are labelled together."""
    rows, rng = many(), np.random.default_rng(0)
    confirmed = np.flatnonzero(rows["present"])
    parts = []
    for _ in range(300):
        row = int(rng.choice(confirmed))
        length = min(WINDOW_S, rows["t_max"].iloc[row] - rows["t_min"].iloc[row])
        offset = rng.uniform(0, WINDOW_S - length)
        parts.append(
            pasted_on(rng.choice(["marsh", "ridge", "dry"]), rng.uniform(0, 9), row, offset)
        )
    table = pd.concat(parts, ignore_index=True)
    return table, rows, label_pasted(table, rows, RECIPE, SPECIES)


def test_labels_are_those_of_each_window_by_itself() -> None:
    table, rows, found = in_all_places()
    starts = torch.arange(4, dtype=torch.float64) * 0.5
    for number in range(len(table)):
        own = oracle(table, rows, number)
        clip = label_windows(own, torch.zeros(1, dtype=torch.float64), WINDOW_S, SPECIES, 0.5)
        frame = label_windows(own, starts, 0.5, SPECIES, 0.5)
        for side in range(2):
            assert torch.equal(found.clip[side][number], clip[side][0])
            assert torch.equal(found.frame[side][number], frame[side])
        cell = rows["species_id"].iloc[table["row"].iloc[number]]
        assert found.clip.target[number, cell] == 1
        assert found.clip.known[number, cell] > 0


def test_boxes_are_those_of_the_call_and_of_the_background() -> None:
    table, rows, found = in_all_places()
    for number in range(len(table)):
        expected = boxes_in(oracle(table, rows, number), 0.0, WINDOW_S)
        which = found.touching[number]
        which = which[which >= 0]
        assert len(which) == len(expected.species)
        for name, values in expected._asdict().items():
            got = getattr(found.rows, name)[which]
            torch.testing.assert_close(got.to(values.dtype), values, atol=1e-5, rtol=0)


@pytest.mark.parametrize("number", [1, 128, 129])
def test_any_number_of_windows_is_labelled(number: int) -> None:
    table = pd.concat([pasted_on("marsh", 1.0)] * number, ignore_index=True)
    found = label_pasted(table, rows_with(CALL), RECIPE, SPECIES)
    assert found.clip.target.shape == (number, SPECIES)
    assert found.frame.known.shape == (number, 4, SPECIES)
    assert found.touching.tolist() == [[one] for one in range(number)]


def test_what_is_unknown_of_the_background_has_its_soft_target() -> None:
    table = pd.concat([pasted_on("marsh", 1.0), pasted_on("ridge", 1.0)], ignore_index=True)
    rows = rows_with(CALL, ("marsh", 3, False, 0.5, 3.5))
    names = [f"s{number}" for number in range(SPECIES)]
    scores = pd.DataFrame([[0.2, 0.4, 0.6, 0.8], [0.0, 0.0, 1.0, 0.0]], columns=pd.Index(names))
    times = {"t_min": [0.0, 2.0], "t_max": [WINDOW_S, 2.0 + WINDOW_S]}
    soft = SoftLabels.of_table(scores.assign(recording_id="marsh", **times), names)
    recipe = CropRecipe(WINDOW_S, min_overlap=0.5, frame_s=0.5, soft=SoftRecipe(weight=0.5))
    plain = label_pasted(table, rows, recipe, SPECIES).clip
    target, known = label_pasted(table, rows, recipe, SPECIES, soft).clip
    expected = torch.tensor([1.0, 0.2, 0.8, 0.0])  # the call, between two windows twice, an FP row
    assert torch.allclose(target[0], expected)
    assert known[0].tolist() == [1.0, 0.5, 0.5, 1.0]
    assert torch.equal(target[1], plain.target[1])  # the other background has no soft labels
    assert torch.equal(known[1], plain.known[1])
