from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from rfcx_audio import hardware
from rfcx_audio.hardware import (
    autocast,
    best_device,
    best_precision,
    free_memory,
    num_workers,
    usable_cores,
)


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


def test_precision_follows_what_the_cpu_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert best_precision("auto") == "bf16-mixed"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert best_precision("cpu") == "32-true"


def test_precision_follows_what_the_gpu_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert best_precision("gpu") == "bf16-mixed"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert best_precision("auto") == "32-true"


def test_a_gpu_is_the_best_device_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert best_device() == torch.device(expected)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16-mixed", torch.bfloat16), ("32-true", torch.float32)]
)
def test_networks_compute_in_the_precision_that_is_asked_for(
    precision: str, dtype: torch.dtype
) -> None:
    layer = torch.nn.Linear(2, 3)
    with autocast(torch.device("cpu"), precision):
        assert layer(torch.ones(1, 2)).dtype == dtype
    assert layer(torch.ones(1, 2)).dtype == torch.float32
