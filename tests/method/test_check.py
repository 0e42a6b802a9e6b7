from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from rfcx_audio.batch import Logits
from rfcx_audio.frontend import LogMel
from rfcx_audio.method import check_shapes, check_steps, constant, warmup_cosine


class Scorer(nn.Module):
    def __init__(self, num_species: int) -> None:
        super().__init__()
        self.num_species = num_species

    def forward(self, spectrogram: Tensor) -> Logits:
        clip = torch.zeros(len(spectrogram), self.num_species)
        return Logits(clip, clip[:, None])


def test_parts_that_fit_pass_and_the_mode_is_kept() -> None:
    model = Scorer(24).train()
    check_shapes(LogMel(48_000), model, 48_000, 24)
    assert model.training


def test_another_number_of_species_is_refused() -> None:
    with pytest.raises(ValueError, match="scores 5 species, the labels have 24"):
        check_shapes(LogMel(48_000), Scorer(5), 48_000, 24)


@pytest.mark.parametrize(
    ("optimizer", "scheduler", "message"),
    [
        (partial(AdamW, lr=-1.0), constant, "Invalid learning rate"),
        (AdamW, partial(warmup_cosine, warmup=2.0), r"warmup = 2.0 lies outside \[0, 1\["),
    ],
)
def test_a_step_that_cannot_be_made_is_refused(
    optimizer: Any, scheduler: Any, message: str
) -> None:
    check_steps(AdamW, constant)
    with pytest.raises(ValueError, match=message):
        check_steps(optimizer, scheduler)
