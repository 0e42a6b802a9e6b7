"""The examples of README and CONTRIBUTING run."""

from __future__ import annotations

import re
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.augment import Chain
from rfcx_audio.augment.chain import chosen
from rfcx_audio.batch import (
    CellLoss,
    CropLabels,
    Labels,
    Logits,
    SpectrogramBatch,
    unknown_labels,
)
from rfcx_audio.config import load_config
from rfcx_audio.loss import MaskedBCE, reduce_cells
from rfcx_audio.method import Supervised, constant
from rfcx_audio.metric import Lwlrap, MaskedAUROC, Metrics
from rfcx_audio.model import Detector, Encoder
from rfcx_audio.scoring import SlidingWindows

ROOT = Path(__file__).parents[1]
IMPORTS = {
    thing.__name__: thing
    for thing in (CellLoss, CropLabels, Labels, Logits, SpectrogramBatch, Supervised, Tensor)
} | {"torch": torch, "nn": nn, "chosen": chosen, "__name__": "examples"}


def example(page: str, name: str) -> Any:
    """The class of a code block, which begins with the file that it would be in."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    block = next(block for block in blocks if f"class {name}" in block.split("\n", 2)[1])
    names = dict(IMPORTS)
    exec("from __future__ import annotations\n" + block, names)  # noqa: S102 (our own page)
    return names[name]


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Every `rfcx-audio …` in the code blocks of a page: the command, and its words."""
    text = (ROOT / page).read_text()
    found = []
    for language, code in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language not in ("", "bash"):
            continue
        block = code.replace("\\\n", " ").replace("…", "x")
        values = {"model": "weak", "fold": "0", **dict(re.findall(r'^(\w+)="(.*)"$', block, re.M))}
        lines = re.sub(r"\$(\w+)", lambda name, values=values: values[name[1]], block)
        for command, line in re.findall(r"(?:python -m rfcx_audio\.|rfcx-audio )(\w+)(.*)", lines):
            words = shlex.split(line, comments=True)
            if "-m" not in words:  # a sweep is no single configuration
                found.append((command, words))
    return found


@pytest.mark.parametrize("page", ["README.md", "docs/answers.md", "docs/walkthrough.md"])
def test_the_commands_of_a_page_compose(page: str) -> None:
    found = commands(page)
    assert {"evaluate", "calibrate", "ensemble", "prevalence", "detect"} <= {c for c, _ in found}
    for command, words in found:
        load_config(command, words)


def test_the_commands_of_the_page_on_encoders_compose() -> None:
    found = commands("docs/own_encoder.md")
    assert {"embed", "train", "predict", "search", "synthesize"} == {c for c, _ in found}
    for command, words in found:
        load_config(command, words)


def labels_of(clip: Labels) -> CropLabels:
    return unknown_labels(*clip.known.shape)._replace(clip=clip)


def test_the_loss_ignores_unknown_labels() -> None:
    loss = example("README.md", "Brier")()
    logits = torch.randn(4, 5, requires_grad=True)
    known = (torch.rand(4, 5) < 0.5).float()
    labels = labels_of(Labels(torch.ones(4, 5), known))
    reduce_cells(loss(Logits(logits, logits[:, None]), labels), labels.clip).backward()
    assert torch.equal(logits.grad != 0, known > 0)


def test_the_head_fits_an_encoder() -> None:
    head = example("CONTRIBUTING.md", "Loudest")
    encoder = Encoder("resnet10t", pretrained=False)
    detector = Detector(encoder, partial(head, num_species=7), nn.Identity())
    logits = detector(torch.randn(2, 1, 64, 96))
    assert logits.clip.shape == (2, 7)
    assert logits.frame.shape == (2, 3, 7)


def test_the_augmentation_is_a_step() -> None:
    chain = Chain(waveform={"polarity": example("CONTRIBUTING.md", "Polarity")(0.5)})
    waveform, labels = torch.randn(50, 8), unknown_labels(50, 2)
    turned, same = chain.on_waveform(waveform, labels, torch.Generator().manual_seed(0))
    assert same is labels
    assert torch.equal(turned.abs(), waveform.abs())
    assert 10 < (turned != waveform).any(1).sum() < 40


class Pixels(nn.Module):
    """Logits that are the first pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, spectrogram: Tensor) -> Logits:
        clip = spectrogram[:, 0, 0] * self.weight
        return Logits(clip, clip[:, None])


@pytest.mark.parametrize("known", [0.0, 1.0])
def test_the_learning_method_moves_weights(known: float) -> None:
    method = example("CONTRIBUTING.md", "Trimmed")(
        model=Pixels(),
        loss=MaskedBCE(unknown_weight=1.0),
        optimizer=torch.optim.SGD,
        scheduler=constant,
        metrics=Metrics({"auc": MaskedAUROC(3)}, {"lwlrap": Lwlrap(3)}),
        windows=SlidingWindows(6.0),
    )
    spectrogram = torch.arange(6.0).reshape(2, 1, 1, 3)
    labels = labels_of(Labels(torch.zeros(2, 3), torch.full((2, 3), known)))
    cells, _ = method.training_cells(SpectrogramBatch(spectrogram, labels, seed=0))
    expected = torch.ones(2, 3)
    if not known:
        expected[1, 2] = 0
    assert torch.equal(cells.weight, expected)
