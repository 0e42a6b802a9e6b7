from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from rfcx_audio.method.ema import MovingAverage


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_the_first_time_it_takes_the_weights_as_they_are() -> None:
    model = network()
    average = MovingAverage(model, 0.9)
    for weight in model.parameters():
        weight.data += 1.0
    average.follow(model, first=True)
    for ours, theirs in zip(average.module.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert not ours.requires_grad


def test_it_follows_by_a_share_of_the_distance_as_that_of_torch() -> None:
    model = network()
    average = MovingAverage(model, 0.9)
    theirs = torch.optim.swa_utils.AveragedModel(
        deepcopy(model),
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9),
        use_buffers=True,
    )
    for step in range(4):
        model(torch.randn(5, 3) + step)  # moves the buffers
        for weight in model.parameters():
            weight.data += 0.1 * torch.randn_like(weight)
        average.follow(model, first=step == 0)
        theirs.update_parameters(model)
    expected = theirs.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name])
    assert int(average.n_averaged) == 4


@pytest.mark.parametrize("first", [True, False])
def test_counts_are_copied(first: bool) -> None:
    model = network()
    average = MovingAverage(model, 0.9)
    model(torch.randn(5, 3))
    average.follow(model, first=first)
    assert int(average.module[1].num_batches_tracked) == 1
