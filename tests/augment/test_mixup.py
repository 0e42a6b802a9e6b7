from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.augment import WaveformMixup, union
from rfcx_audio.batch import Labels

PRESENT, ABSENT, UNKNOWN = (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)


def cell(state: tuple[float, float]) -> Labels:
    return Labels(torch.tensor([state[0]]), torch.tensor([state[1]]))


@pytest.mark.parametrize(
    ("first", "second", "mixed"),
    [
        (PRESENT, PRESENT, PRESENT),
        (PRESENT, ABSENT, PRESENT),
        (PRESENT, UNKNOWN, PRESENT),
        (ABSENT, ABSENT, ABSENT),
        (ABSENT, UNKNOWN, UNKNOWN),
        (UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_the_truth_table(
    first: tuple[float, float], second: tuple[float, float], mixed: tuple[float, float]
) -> None:
    for one, two in ((first, second), (second, first)):
        labels = union(cell(one), cell(two))
        assert labels.known.item() == mixed[1]
        assert not mixed[1] or labels.target.item() == mixed[0]


unit = st.floats(0, 1)


@given(unit, unit, unit, unit)
def test_soft_labels_stay_in_range_and_never_invent_absence(
    y1: float, k1: float, y2: float, k2: float
) -> None:
    labels = union(cell((y1, k1)), cell((y2, k2)))
    target, known = labels.target.item(), labels.known.item()
    assert 0 <= target <= 1
    assert 0 <= known <= 1
    absence = known * (1 - target)
    assert absence <= min(k1 * (1 - y1), k2 * (1 - y2)) + 1e-6


def test_mixing_adds_waveforms_and_joins_their_labels() -> None:
    waveform = torch.arange(6.0)[:, None].expand(6, 4).contiguous() * 10
    labels = Labels(torch.eye(6), torch.eye(6))
    mixed, said = WaveformMixup(1.0)(waveform, labels, torch.Generator().manual_seed(0))
    for row, heard in zip(mixed, said.known, strict=True):
        species = heard.nonzero().flatten()
        assert row[0] == 10 * species.sum() * (2 if len(species) == 1 else 1)
    unchanged, same = WaveformMixup(0.0)(waveform, labels, torch.Generator().manual_seed(0))
    assert torch.equal(unchanged, waveform)
    assert torch.equal(same.known, labels.known)
