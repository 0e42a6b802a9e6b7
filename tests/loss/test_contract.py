"""What holds for every loss under `conf/loss`, unasked."""

from __future__ import annotations

import functools
import inspect

import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import CellLoss, CropLabels, Labels, Logits, unknown_labels
from rfcx_audio.config import CONF_DIR, DictConfig, build, load_config
from rfcx_audio.loss import MaskedBCE, Reduction, reduce_cells

NAMES = sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml"))
MASKED = ("masked_bce", "masked_focal", "clip_and_frame")  # unknown cells have no weight
BATCH, FRAMES, SPECIES = 6, 3, 24
NAN = float("nan")


@functools.cache
def node(name: str) -> DictConfig:
    return load_config("train", [f"loss={name}"]).loss


def built(name: str) -> nn.Module:
    return build(node(name))


def partly_known(shape: tuple[int, ...], share: float, generator: torch.Generator) -> Labels:
    """Hard targets; NaN where nothing is known, so that any look at them is seen."""
    target = torch.rand(shape, generator=generator).round()
    known = (torch.rand(shape, generator=generator) < share).float()
    return Labels(torch.where(known > 0, target, NAN), known)


def example(scale: float = 3.0, share_known: float = 0.3) -> tuple[Logits, CropLabels]:
    """Logits that take a gradient, and labels that are partly known."""
    generator = torch.Generator().manual_seed(0)
    clip = (scale * torch.randn(BATCH, SPECIES, generator=generator)).requires_grad_()
    frame = (scale * torch.randn(BATCH, FRAMES, SPECIES, generator=generator)).requires_grad_()
    teacher = scale * torch.randn(BATCH, SPECIES, generator=generator)
    labels = unknown_labels(BATCH, SPECIES)._replace(
        clip=partly_known((BATCH, SPECIES), share_known, generator),
        frame=partly_known((BATCH, FRAMES, SPECIES), share_known, generator),
        truth=Labels(torch.full((BATCH, SPECIES), NAN), torch.full((BATCH, SPECIES), NAN)),
    )
    return Logits(clip, frame, teacher), labels


def gradients(
    name: str, logits: Logits, labels: CropLabels, how: Reduction = "sum"
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss, and its gradient with respect to the logits of clips and of frames."""
    value = reduce_cells(built(name)(logits, labels), labels.clip, how)
    value.backward()
    of_clip, of_frame = (
        torch.zeros_like(part) if part.grad is None else part.grad
        for part in (logits.clip, logits.frame)
    )
    return value, of_clip, of_frame


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
    for tensor in gradients(name, *example(scale, share_known)):
        assert tensor.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_its_gradient_pulls_towards_what_is_known(name):
    logits, labels = example(share_known=1.0)
    # Frames that agree with their clip, so that both pull the same way.
    frame = Labels(*(part[:, None].expand(BATCH, FRAMES, SPECIES) for part in labels.clip))
    _, of_clip, _ = gradients(name, logits, labels._replace(frame=frame))
    assert (of_clip[labels.clip.target == 1] < 0).all()
    assert (of_clip[labels.clip.target == 0] > 0).all()


@pytest.mark.parametrize("name", MASKED)
def test_if_masked_it_teaches_nothing_about_unknown_species(name):
    logits, labels = example()
    _, of_clip, of_frame = gradients(name, logits, labels, "known")
    assert (of_clip[labels.clip.known == 0] == 0).all()
    assert (of_clip[labels.clip.known == 1] != 0).all()
    assert (of_frame[labels.frame.known == 0] == 0).all()


@pytest.mark.parametrize("name", MASKED)
def test_if_masked_a_batch_without_labels_is_exactly_zero(name):
    for tensor in gradients(name, *example(share_known=0.0), "known"):
        assert (tensor == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_and_labels_of_any_precision_give_float32(name, dtype):
    logits, labels = example(share_known=1.0)
    half = Logits(*(part.detach().to(dtype) for part in logits))
    double = labels._replace(
        clip=Labels(*(part.double() for part in labels.clip)),
        frame=Labels(*(part.double() for part in labels.frame)),
    )
    full = Logits(*(part.float() for part in half))
    cells = built(name)(half, double)
    assert cells.value.dtype == cells.weight.dtype == torch.float32
    assert torch.equal(cells.value, built(name)(full, labels).value)
