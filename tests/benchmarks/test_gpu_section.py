from __future__ import annotations

from typing import Any

from benchmarks.gpu_section import gpu_section

OUTCOMES = [
    {"name": "loss=bce", "outcome": "ok", "waits": "none"},
    {"name": "loss=em", "outcome": "train: RuntimeError: no", "waits": "loss/em.py:7"},
    {"name": "loss=role", "outcome": "not run: the limit of 1 s is reached", "waits": None},
]


def content(device: str) -> dict[str, Any]:
    return {
        "hardware": "NVIDIA H100, 16 CPU cores",
        "device": device,
        "date": "2026-12-01",
        "python": "3.12.3",
        "versions": {"torch": "2.11.0"},
        "seconds": 12.3,
        "techniques": OUTCOMES,
    }


def test_the_page_names_the_commands_without_results_on_a_gpu() -> None:
    text = "\n".join(gpu_section(["x86_64 CPU, 2 cores, AVX512"], [content("cpu")]))
    assert "`make test-gpu` and `make bench-gpu` are ready" in text
    assert "have not run on a GPU" in text
    assert "loss=em" not in text


def test_the_page_lists_what_ran_failed_and_waited() -> None:
    text = "\n".join(gpu_section(["NVIDIA H100, 16 CPU cores"], [content("cuda")]))
    assert "have not run" not in text
    assert "has not run" not in text
    assert "1 of 3 ran" in text
    assert "* not run: loss=role" in text
    assert "* loss=em: train: RuntimeError: no" in text
    assert "waits at loss/em.py:7" in text


def test_one_command_may_have_run_without_the_other() -> None:
    text = "\n".join(gpu_section([], [content("cuda")]))
    assert "`make bench-gpu` is ready" in text
    assert "has not run on a GPU" in text
