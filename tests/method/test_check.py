from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from rfcx_audio.batch import Logits
from rfcx_audio.config import CONF_DIR, build, load_config
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


def built(*words: str) -> tuple[Any, Any]:
    config = load_config("train", ["model=tiny", *words, "model.encoder.pretrained=false"])
    return build(config.frontend), build(config.model)


@pytest.mark.parametrize(
    ("words", "mends"),
    [
        (
            ["model/head=squeezed_parallel", "model.head.block_pool=2"],
            r"128 mels x 282 frames .* become a map of 1 x 2 .*CBAM.* 2 x 2 .*block_pool=1",
        ),
        (
            ["model/head=attention_v1", "frontend.hop_length=9290"],
            r"128 mels x 32 frames .* a map of 4 x 1 .*it, lower frontend.hop_length, or raise",
        ),
        (
            ["model=class_bands_crop", "model.encoder.name=test_resnet", "model/head=attention_v1"],
            r"become a map of 1 x 1 .*mend it, raise model.size, or choose model/head=linear",
        ),
        (
            ["model/head=sed", "frontend.hop_length=9290"],
            r"become a map of 4 x 1 .*SEDHead.* 1 x 2 .*mend it, lower frontend.hop_length",
        ),
    ],
)
def test_a_map_of_which_nothing_is_left_to_attend_to_is_refused(
    words: list[str], mends: str
) -> None:
    frontend, model = built(*words)
    with pytest.raises(ValueError, match=mends):
        check_shapes(frontend, model, 288_000, 24)
    assert not any(module._forward_pre_hooks for module in model.modules())


HEADS = sorted(path.stem for path in (CONF_DIR / "model" / "head").glob("*.yaml"))


@pytest.mark.parametrize("head", HEADS)
def test_every_head_has_something_to_attend_to_by_default(head: str) -> None:
    check_shapes(*built(f"model/head={head}"), 288_000, 24)


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
