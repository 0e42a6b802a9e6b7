from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from rfcx_audio import hardware
from rfcx_audio.hardware import free_memory, num_workers, usable_cores


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files with a container's limits."""
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path)
    return tmp_path


def with_cores(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)


@pytest.mark.parametrize(
    ("cores", "processes", "expected"),
    [(1, 1, 1), (2, 1, 1), (16, 1, 15), (64, 1, 16), (64, 8, 7), (16, 2, 7), (2, 4, 1)],
)
def test_one_core_is_left_to_the_training_process(
    cores: int, processes: int, expected: int, group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cores(monkeypatch, cores)
    assert num_workers("auto", processes) == expected


@pytest.mark.parametrize("wanted", [0, 1, 40])
def test_a_number_of_workers_is_taken_as_it_is(wanted: int) -> None:
    assert num_workers(wanted, 2) == wanted


@pytest.mark.parametrize("wanted", [-1, "many", 1.5, True])
def test_an_invalid_number_of_workers_is_refused(wanted: object) -> None:
    with pytest.raises(ValueError, match="expected auto, or a whole number"):
        num_workers(wanted)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("250000 100000", 3), ("50000 100000", 1), ("9900000 100000", 8)],
)
def test_a_container_may_use_fewer_cores(
    quota: str, expected: int, group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cores(monkeypatch, 8)
    assert usable_cores() == 8
    (group / "cpu.max").write_text(quota + "\n")
    assert usable_cores() == expected


def test_the_free_memory_is_that_of_the_host_or_of_its_container(
    group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = group / "meminfo"
    meminfo.write_text("MemTotal:  4000 kB\nMemAvailable:  3000 kB\n")
    monkeypatch.setattr(hardware, "_MEMINFO", meminfo)
    assert free_memory(torch.device("cpu")) == 3000 * 1024
    (group / "memory.max").write_text("2000000\n")
    (group / "memory.current").write_text("1500000\n")
    (group / "memory.stat").write_text("anon 900000\ninactive_file 100000\n")
    assert free_memory(torch.device("cpu")) == 600_000
    (group / "memory.max").write_text("max\n")
    assert free_memory(torch.device("cpu")) == 3000 * 1024


def test_this_machine_has_memory_and_cores() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert 2**20 < free_memory(torch.device("cpu")) < 2**50
