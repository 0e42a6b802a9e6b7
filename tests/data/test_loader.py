from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from rfcx_audio.data import Loader
from rfcx_audio.hardware import num_workers


@pytest.mark.parametrize(("workers", "ahead"), [(0, None), (1, 4), (2, 2)])
def test_workers_read_ahead(workers: int, ahead: int | None) -> None:
    dataset = TensorDataset(torch.arange(3.0))
    loader = DataLoader(dataset, **Loader(num_workers=workers).options())
    assert (loader.num_workers, loader.prefetch_factor) == (workers, ahead)
    assert loader.persistent_workers == (workers > 0)
    assert [float(value) for (value,) in loader] == [0.0, 1.0, 2.0]


def test_processes_on_one_machine_share_its_cores() -> None:
    for processes in (1, 2, 1000):
        assert Loader().workers(processes) == num_workers("auto", processes)
        assert Loader(num_workers=3).workers(processes) == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_workers": "some"}, "num_workers = 'some'"),
        ({"num_workers": -1}, "num_workers = -1"),
        ({"batch_size": 0}, "batch_size = 0; expected at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Loader(**wrong)
