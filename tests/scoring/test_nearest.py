from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from scipy.spatial.distance import cosine

from rfcx_audio.scoring import nearest as module
from rfcx_audio.scoring.nearest import nearest, similarities


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_similarities_are_the_cosines_of_the_nearest_query(
    dtype: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    features, queries = rng.normal(size=(50, 9)).astype(dtype), rng.normal(size=(3, 9))
    features.flags.writeable = False  # as those of a store
    expected = [max(1 - cosine(row.astype("f8"), query) for query in queries) for row in features]
    found = similarities(features, torch.from_numpy(queries))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_features_of_nothing_are_like_nothing_and_scale_does_not_matter() -> None:
    features = np.array([[0, 0], [1e-3, 0], [-500, 0], [0, 3]], "float16")
    found = similarities(features, torch.tensor([[20.0, 0.0]]))
    np.testing.assert_array_equal(found, [0, 1, -1, 0])


def test_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="4 features a window in the store, 5 in the example"):
        similarities(np.zeros((2, 4), "f4"), torch.zeros(1, 5))


def keys_of(names: str, starts_s: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"recording_id": list(names), "t_min": starts_s})


def by_hand(
    names: str, starts_s: list[float], similarity: list[float], top: int, gap_s: float, each: int
) -> list[int]:
    """The best of those that are left, again and again."""
    chosen: list[int] = []
    left = set(range(len(names)))
    while left and len(chosen) < top:
        best = min(left, key=lambda row: (-similarity[row], row))
        left.remove(best)
        same = [row for row in chosen if names[row] == names[best]]
        if len(same) < each and all(abs(starts_s[row] - starts_s[best]) >= gap_s for row in same):
            chosen.append(best)
    return chosen


@given(some.data())
def test_the_nearest_are_chosen_one_by_one(data: some.DataObject) -> None:
    names = data.draw(some.text("abc", max_size=25))
    number = len(names)
    starts_s = data.draw(
        some.lists(some.sampled_from([0.0, 1.5, 3.0, 4.5]), min_size=number, max_size=number)
    )
    similarity = data.draw(
        some.lists(some.sampled_from([-0.5, 0.0, 0.5, 1.0]), min_size=number, max_size=number)
    )
    top, gap_s, each = (data.draw(some.integers(low, 5)) for low in (1, 0, 1))
    found = nearest(keys_of(names, starts_s), np.array(similarity), top, gap_s, each)
    assert found.tolist() == by_hand(names, starts_s, similarity, top, gap_s, each)


def test_any_number_of_one_recording_is_found_without_a_limit() -> None:
    keys = keys_of("aaaa", [0.0, 1.5, 3.0, 4.5])
    similarity = np.array([0.1, 0.4, 0.3, 0.2])
    assert nearest(keys, similarity, 9, 0.0).tolist() == [1, 2, 3, 0]
    assert nearest(keys, similarity, 9, 3.0).tolist() == [1, 3]


def test_numbers_out_of_range_are_refused() -> None:
    keys = keys_of("a", [0.0])
    for words, arguments in {
        "top = 0; expected 1": (0, 0.0, None),
        "per_recording = 0; expected 1": (1, 0.0, 0),
        "min_gap_s = -1; expected 0 s": (1, -1, None),
    }.items():
        with pytest.raises(ValueError, match=words):
            nearest(keys, np.zeros(1), *arguments)
