from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rfcx_audio.method import best_precision, build_trainer


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


def test_a_precision_that_is_named_is_kept(tmp_path: Path) -> None:
    trainer = build_trainer(
        "32-true", "cpu", default_root_dir=tmp_path, logger=False, enable_checkpointing=False
    )
    assert trainer.precision == "32-true"
