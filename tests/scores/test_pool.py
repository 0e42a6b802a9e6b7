from __future__ import annotations

import pytest
import torch

from rfcx_audio.scores import check_pool, moving_average, pool_windows


def test_pooling_by_hand() -> None:
    scores = torch.tensor([[0.1, 0.9], [0.5, 0.2], [0.4, 0.4], [0.2, 0.1]])
    assert torch.allclose(pool_windows(scores, "max"), torch.tensor([0.5, 0.9]))
    assert torch.allclose(pool_windows(scores, "mean"), torch.tensor([0.3, 0.4]))
    assert torch.allclose(pool_windows(scores, "top3"), torch.tensor([1.1 / 3, 0.5]))
    assert torch.allclose(pool_windows(scores, "top2"), torch.tensor([0.45, 0.65]))
    assert torch.allclose(pool_windows(scores[:1], "top3"), scores[0])


@pytest.mark.parametrize("pool", ["median", "top", "top0", "top3x"])
def test_an_unknown_pool_is_refused(pool: str) -> None:
    with pytest.raises(ValueError, match="choose max, mean, or top3"):
        pool_windows(torch.rand(2, 3), pool)
    with pytest.raises(ValueError, match="choose max, mean, or top3"):
        check_pool(pool)
    check_pool("mean")


@pytest.mark.parametrize("shape", [(7, 3), (2, 5, 3), (1, 3)])
@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_moving_average_is_the_mean_of_the_neighbours_that_exist(
    shape: tuple[int, ...], width: int
) -> None:
    scores = torch.rand(shape)
    average = moving_average(scores, width)
    for t in range(shape[-2]):
        near = scores[..., max(0, t - width // 2) : t + width // 2 + 1, :]
        assert torch.allclose(average[..., t, :], near.mean(-2))
    if width == 1:
        assert torch.equal(average, scores)
