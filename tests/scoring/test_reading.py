from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rfcx_audio.data import AudioError
from rfcx_audio.scoring.blocks import Block
from rfcx_audio.scoring.reading import read_ahead


class Numbers:
    """A recording is a tensor of numbers, each a block; a path cannot be planned, -1 not read."""

    def __init__(self) -> None:
        self.read_so_far: list[float] = []

    def blocks(self, recording: Path | Tensor) -> list[Block]:
        if isinstance(recording, Path):
            raise AudioError(f"no {recording}")
        return [Block(number, 1, (number,), 1, 0) for number in range(len(recording))]

    def read(self, recording: Path | Tensor, block: Block) -> Tensor:
        assert isinstance(recording, Tensor)
        value = recording[block.first]
        self.read_so_far.append(value.item())
        if value < 0:
            raise AudioError("negative")
        return value[None]


@pytest.mark.parametrize("threads", [1, 3, None])
def test_stretches_come_in_order_with_what_went_wrong(threads: int | None) -> None:
    recordings = {
        "a": torch.tensor([1.0, 2.0, -1.0, 4.0]),
        "b": Path("b"),
        "c": torch.arange(30.0),
    }
    found: list[tuple[str, float | str]] = []
    for name, part in read_ahead(recordings, Numbers(), threads):
        error = part.exception()
        found.append((name, str(error) if error else part.result()[1].item()))
    begin = [("a", 1.0), ("a", 2.0), ("a", "negative"), ("a", 4.0), ("b", "no b")]
    assert found == [*begin, *(("c", float(number)) for number in range(30))]


def test_no_more_is_read_ahead_than_two_stretches_a_thread() -> None:
    plan = Numbers()
    coming = read_ahead({"a": torch.arange(100.0)}, plan, threads=2)
    for taken in range(1, 20):
        next(coming)
        time.sleep(0.002)
        assert len(plan.read_so_far) <= taken + 4
    coming.close()  # type: ignore[attr-defined]


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    coming: Iterator[object] = read_ahead({"a": torch.arange(100.0)}, Numbers(), threads=2)
    next(coming)
    assert threading.active_count() > before
    coming.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
