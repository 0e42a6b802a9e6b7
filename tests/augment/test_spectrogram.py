from __future__ import annotations

import pytest
import torch

from rfcx_audio.augment import Mask
from rfcx_audio.batch import Labels

LABELS = Labels(torch.ones(200, 2), torch.ones(200, 2))


@pytest.mark.parametrize(("axis", "dim"), [("time", -1), ("frequency", -2)])
def test_a_mask_is_one_stripe_of_the_mean(axis: str, dim: int) -> None:
    signal = torch.randn(200, 1, 40, 40)
    masked, labels = Mask(axis, 0.25, 1.0)(signal, LABELS, torch.Generator().manual_seed(0))
    assert labels is LABELS
    other = -2 if dim == -1 else -1
    changed = (masked != signal).any(dim=other)[:, 0]  # (batch, axis)
    widths = changed.sum(1)
    assert (widths.min(), widths.max()) == (0, 10)
    for row, before, after in zip(changed, signal, masked, strict=True):
        places = row.nonzero().flatten()
        if len(places):
            assert places[-1] - places[0] + 1 == len(places)
            covered = after.index_select(dim, places)
            assert torch.allclose(covered, before.mean().expand_as(covered))


def test_masks_reach_both_ends_and_no_probability_is_the_identity() -> None:
    signal = torch.randn(200, 1, 40, 40)
    masked, _ = Mask("time", 0.25, 1.0)(signal, LABELS, torch.Generator().manual_seed(0))
    changed = (masked != signal).any(dim=-2)[:, 0].any(0)
    assert changed[0]
    assert changed[-1]
    assert torch.equal(Mask("time", 0.25, 0.0)(signal, LABELS, torch.Generator())[0], signal)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'time' or 'frequency'"):
        Mask("up")
