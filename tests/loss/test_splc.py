from __future__ import annotations

import pytest
import torch

from loss.plain import bce, cells, given, looped, same, sigmoid
from rfcx_audio.loss import SPLC, Ramp, masked_bce, splc


@pytest.mark.parametrize("threshold", [0.3, 0.6])
def test_it_equals_a_loop(threshold):
    logits, target, known = cells()

    def unknown_loss(row, column):
        z = logits[row, column].item()
        return bce(z, 1.0 if sigmoid(z) > threshold else 0.0)

    loop = looped(logits, target, known, unknown_loss, lambda *_: 0.4)
    same(splc(logits, target, known, threshold, 0.4), loop)


def test_unknown_counts_as_absent_in_the_warm_up_and_then_as_present_where_detected():
    logits, labels = given(*cells(hard=True))
    loss = SPLC(Ramp(1.0, 0.6, begin=0.2, end=0.2))
    plain = masked_bce(logits.clip, *labels.clip, unknown_weight=1.0)
    torch.testing.assert_close(loss(logits, labels).value, plain.value)
    assert isinstance(loss.threshold, Ramp)
    loss.threshold.progress = 0.2
    detected = (logits.clip.sigmoid() > 0.6) & (labels.clip.known == 0)
    changed = loss(logits, labels).value != plain.value
    assert detected.any()
    assert torch.equal(changed & (labels.clip.known == 0), detected)


def test_it_shows_its_settings():
    assert repr(SPLC(0.7)) == "SPLC(threshold=0.7, unknown_weight=1)"
