from __future__ import annotations

import pytest
import torch

from loss.plain import cells, given, looped, same, sigmoid
from rfcx_audio.loss import Hill, hill


@pytest.mark.parametrize("height", [1.5, 1.0])
def test_it_equals_a_loop(height):
    logits, target, known = cells()

    def unknown_loss(row, column):
        p = sigmoid(logits[row, column].item())
        return (height - p) * p * p

    loop = looped(logits, target, known, unknown_loss, lambda *_: 0.4)
    same(hill(logits, target, known, height, 0.4), loop)


def test_the_pull_towards_absence_is_largest_where_the_network_is_unsure():
    logits = torch.linspace(-8, 8, 33, dtype=torch.float64)[None].requires_grad_()
    nothing = torch.zeros_like(logits)
    hill(logits, nothing, nothing).value.sum().backward()
    assert logits.grad is not None
    p = logits.detach().sigmoid()
    torch.testing.assert_close(logits.grad, 3 * p**2 * (1 - p) ** 2)
    assert logits.grad.argmax() == 16


def test_the_module_is_the_function_of_the_clip():
    loss = Hill(height=1.2, unknown_weight=[0.5] * 6)
    assert torch.equal(loss(*given(*cells())).value, hill(*cells(), 1.2, 0.5).value)
    assert repr(loss) == "Hill(height=1.2, unknown_weight=[0.5, 0.5, 0.5, 0.5, 0.5, 0.5])"
