"""Optimisations change no result by more than docs/performance.md states."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from archives import loader, write_checkpoint, write_recordings
from rfcx_audio.config import build, load_config
from rfcx_audio.scoring.archive import FileScorer, FileScores


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return build(load_config("train", ["paths.output_dir=."]).model)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_a_fused_optimizer_takes_the_same_steps(network: nn.Module, name: str) -> None:
    config = load_config("train", [f"optimizer={name}", "paths.output_dir=."])
    assert config.optimizer.fused
    peer = deepcopy(network)
    ours = build(config.optimizer)(network.parameters())
    theirs = build(config.optimizer, fused=False)(peer.parameters())
    for _ in range(5):
        for one, other in zip(network.parameters(), peer.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        ours.step()
        theirs.step()
    for found, expected in zip(network.parameters(), peer.parameters(), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_the_memory_layout_of_the_weights_does_not_change_scores(network: nn.Module) -> None:
    network.eval()
    spectrogram = torch.randn(3, 1, 128, 141)
    expected = network(spectrogram).clip
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(network(spectrogram).clip, expected, atol=1e-5, rtol=1e-4)


def test_bf16_changes_a_probability_by_at_most_a_hundredth(tmp_path: Path) -> None:
    path = write_recordings(tmp_path, 1)["a/00"]
    load = loader(write_checkpoint(tmp_path))
    found = [FileScorer(load, precision, "cpu")(path) for precision in ("bf16-mixed", "32-true")]
    half, full = (one.scores for one in found if isinstance(one, FileScores))
    assert 0 < np.abs(half - full).max() < 0.01
