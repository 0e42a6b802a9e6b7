"""What holds for every loss under `conf/loss`, unasked."""

from __future__ import annotations

import inspect

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from rfcx_audio.batch import CellLoss, Labels, Logits
from rfcx_audio.config import CONF_DIR, build
from rfcx_audio.loss import MaskedBCE, reduce_cells

NAMES = sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml"))
MASKED = [name for name in NAMES if name.startswith("masked")]
BATCH, FRAMES, SPECIES = 6, 3, 24


def built(name: str) -> nn.Module:
    node = OmegaConf.load(CONF_DIR / "loss" / f"{name}.yaml")
    return build(OmegaConf.create({"data": {"num_species": SPECIES}, "loss": node}).loss)


def example(scale: float = 3.0, share_known: float = 0.3) -> tuple[Logits, Labels]:
    generator = torch.Generator().manual_seed(0)
    clip = (scale * torch.randn(BATCH, SPECIES, generator=generator)).requires_grad_()
    frame = (scale * torch.randn(BATCH, FRAMES, SPECIES, generator=generator)).requires_grad_()
    target = torch.rand(BATCH, SPECIES, generator=generator).round()
    known = (torch.rand(BATCH, SPECIES, generator=generator) < share_known).float()
    return Logits(clip, frame), Labels(target, known)


@pytest.mark.parametrize("name", NAMES)
def test_it_returns_the_cells_of_the_batch(name):
    cells = built(name)(*example())
    assert isinstance(cells, CellLoss)
    assert cells.value.shape == cells.weight.shape == (BATCH, SPECIES)
    assert cells.value.dtype == cells.weight.dtype == torch.float32
    assert (cells.weight >= 0).all()
    assert not cells.weight.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_its_signature_is_that_of_every_loss(name):
    theirs = inspect.signature(MaskedBCE.forward)
    assert inspect.signature(type(built(name)).forward) == theirs


@pytest.mark.parametrize("share_known", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_finite_and_so_is_its_gradient(name, scale, share_known):
    logits, labels = example(scale, share_known)
    value = reduce_cells(built(name)(logits, labels), labels, "sum")
    value.backward()
    assert value.isfinite()
    assert logits.clip.grad is not None
    assert logits.clip.grad.isfinite().all()


@pytest.mark.parametrize("name", MASKED)
def test_if_masked_it_teaches_nothing_about_unknown_species(name):
    logits, labels = example()
    garbage = Labels(torch.where(labels.known > 0, labels.target, float("nan")), labels.known)
    cells = built(name)(logits, garbage)
    assert torch.equal(cells.weight, labels.known)
    reduce_cells(cells, garbage, "known").backward()
    assert logits.clip.grad is not None
    assert (logits.clip.grad[labels.known == 0] == 0).all()
    assert (logits.clip.grad[labels.known == 1] != 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_its_gradient_pulls_towards_what_is_known(name):
    logits, labels = example()
    cells = built(name)(logits, labels)
    reduce_cells(cells, labels, "sum").backward()
    assert logits.clip.grad is not None
    known = labels.known == 1
    assert (logits.clip.grad[known & (labels.target == 1)] < 0).all()
    assert (logits.clip.grad[known & (labels.target == 0)] > 0).all()
