from __future__ import annotations

import pytest
import torch

from rfcx_audio.method import constant, warmup_cosine


def rates(schedule: object, steps: int, **options: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    scheduler = schedule(optimizer, steps, **options)  # type: ignore[operator]
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [*out, optimizer.param_groups[0]["lr"]]


def test_cosine_rises_then_falls_to_nothing() -> None:
    rate = rates(warmup_cosine, 100, warmup=0.1)
    assert rate[0] == pytest.approx(2 / 11)
    assert rate[10] == pytest.approx(2.0)
    assert rate[55] == pytest.approx(1.0)
    assert rate[100] == pytest.approx(0.0, abs=1e-9)
    assert rate[:11] == sorted(rate[:11])
    assert rate[10:] == sorted(rate[10:], reverse=True)


def test_without_warmup_cosine_begins_at_the_full_rate() -> None:
    assert rates(warmup_cosine, 10, warmup=0.0)[0] == 2.0


def test_constant_stays() -> None:
    assert set(rates(constant, 5)) == {2.0}
