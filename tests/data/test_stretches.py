from __future__ import annotations

import pandas as pd
import pytest

from rfcx_audio.data import AudioReader, CropRecipe, reachable
from rfcx_audio.data.stretches import Stretch, laid_out, place_of

RATE = 8000
TIMES = ("t_min", "t_max")


def test_only_what_crops_can_reach_is_kept() -> None:
    durations_s = {"a": 60.0, "b": 60.0, "unlabelled": 60.0}
    labelled = [("a", 10.0, 11.0), ("a", 11.5, 12.0), ("a", 50.0, 51.0), ("b", 0.0, 1.0)]
    rows = pd.DataFrame(labelled, columns=pd.Index(["recording_id", *TIMES]))
    reader = AudioReader(RATE)
    found = reachable(rows, durations_s, CropRecipe(3.0), reader)
    seconds = [(one.name, one.first / RATE, one.stop / RATE) for one in found]
    expected = [("a", 8.0, 14.5), ("a", 48.0, 53.0), ("b", 0.0, 3.0)]
    assert [name for name, *_ in seconds] == [name for name, *_ in expected]
    for one, other in zip(seconds, expected, strict=True):
        assert one[1:] == pytest.approx(other[1:], abs=2 / RATE)
    whole = reachable(rows, durations_s, CropRecipe(3.0, background_share=0.1), reader)
    assert [(one.name, one.first, one.stop) for one in whole] == [
        ("a", 0, 60 * RATE + 1),
        ("b", 0, 60 * RATE + 1),
    ]


def test_blocks_hold_stretches_whole() -> None:
    stretches = [Stretch("a", 5, 15), Stretch("a", 20, 24), Stretch("b", 0, 30), Stretch("c", 0, 1)]
    placed, lengths = laid_out(stretches, 20)
    assert lengths == [14, 30, 1]
    assert [(one.block, one.offset) for one in placed] == [(0, 0), (0, 10), (1, 0), (2, 0)]
    assert laid_out(stretches, None)[1] == [45]
    assert laid_out([], None) == ([], [])
    assert place_of(placed[:2], 21, 3) == (0, 11)
    assert place_of(placed[:2], 21, 4) is None
    assert place_of(placed[:2], 14, 2) is None
