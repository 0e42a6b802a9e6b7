"""What holds for every loss under `conf/loss`, unasked."""

from __future__ import annotations

import functools
import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rfcx_audio.batch import CellLoss, CropLabels, Labels, Logits, unknown_labels
from rfcx_audio.config import CONF_DIR, DictConfig, build, load_config
from rfcx_audio.loss import ClipAndFrame, MaskedBCE, Ramp, Reduction, RowTable, reduce_cells

NAMES = sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml"))
MASKED = ("masked_bce", "masked_focal", "clip_and_frame")  # unknown cells have no weight
OTHERWISE = ("masked_focal", "clip_and_frame", "lsoft_b")  # known cells cost something of their own
REMEMBERING = ("role", "em_apl", "large_loss_cp")
COUNTING = ("epr", "role")  # unknown cells share the penalty of a sum over what is known in part
BATCH, FRAMES, SPECIES = 6, 3, 24
ROWS = 4
NAN = float("nan")


@functools.cache
def node(name: str) -> DictConfig:
    return load_config("train", [f"loss={name}"]).loss


def built(name: str, progress: float = 0.0) -> nn.Module:
    """A loss at some point of the training; its tables of rows, if any, have their size."""
    loss: nn.Module = build(node(name))
    for part in loss.modules():
        if isinstance(part, Ramp):
            part.progress = progress
        elif isinstance(part, RowTable):
            part.resize(ROWS, SPECIES)
            drawn = torch.rand(part.values.shape, generator=torch.Generator().manual_seed(1))
            part.values = drawn if progress else part.values
    return loss


def partly_known(shape: tuple[int, ...], share: float, generator: torch.Generator) -> Labels:
    """Hard targets; NaN where nothing is known, so that any look at them is seen."""
    target = torch.rand(shape, generator=generator).round()
    known = (torch.rand(shape, generator=generator) < share).float()
    return Labels(torch.where(known > 0, target, NAN), known)


def example(
    scale: float = 3.0, share_known: float = 0.3, seed: int = 0
) -> tuple[Logits, CropLabels]:
    """Logits that take a gradient, and labels that are partly known, of rows, mixtures and none."""
    generator = torch.Generator().manual_seed(seed)
    clip = (scale * torch.randn(BATCH, SPECIES, generator=generator)).requires_grad_()
    frame = (scale * torch.randn(BATCH, FRAMES, SPECIES, generator=generator)).requires_grad_()
    teacher = scale * torch.randn(BATCH, SPECIES, generator=generator)
    labels = unknown_labels(BATCH, SPECIES)._replace(
        clip=partly_known((BATCH, SPECIES), share_known, generator),
        frame=partly_known((BATCH, FRAMES, SPECIES), share_known, generator),
        truth=Labels(torch.full((BATCH, SPECIES), NAN), torch.full((BATCH, SPECIES), NAN)),
        rows=torch.tensor([[0, -1], [1, -1], [2, -1], [3, 0], [-1, -1], [1, -1]]),
    )
    return Logits(clip, frame, teacher), labels


def gradients(
    name: str,
    logits: Logits,
    labels: CropLabels,
    how: Reduction = "sum",
    progress: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss, and its gradient with respect to the logits of clips and of frames."""
    value = reduce_cells(built(name, progress)(logits, labels), labels.clip, how)
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


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("share_known", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_finite_and_so_is_its_gradient(name, scale, share_known, progress):
    for tensor in gradients(name, *example(scale, share_known), progress=progress):
        assert tensor.isfinite().all()


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 1000),
    scale=st.floats(0.1, 1e4),
    share_known=st.floats(0, 1),
    progress=st.sampled_from([0.0, 0.5, 1.0]),
)
@pytest.mark.parametrize("name", NAMES)
def test_known_cells_keep_their_label(name, seed, scale, share_known, progress):
    logits, labels = example(scale, share_known, seed)
    # Frames that agree with their clip, so that both pull the same way.
    frame = Labels(*(part[:, None].expand(BATCH, FRAMES, SPECIES) for part in labels.clip))
    labels = labels._replace(frame=frame)
    _, of_clip, _ = gradients(name, logits, labels, progress=progress)
    present, absent = (
        (labels.clip.known == 1) & (labels.clip.target == target) for target in (1, 0)
    )
    assert (of_clip[present] <= 0).all()
    assert (of_clip[absent] >= 0).all()
    unsaturated = logits.clip.detach().abs() < 10
    assert (of_clip[present & unsaturated] < 0).all()
    assert (of_clip[absent & unsaturated] > 0).all()
    if name not in OTHERWISE:
        of_bce = logits.clip.detach().sigmoid() - labels.clip.target
        labelled = present | absent
        torch.testing.assert_close(of_clip[labelled], of_bce[labelled], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("lsoft")])
def test_its_gradient_is_that_of_finite_differences(name, progress):
    logits, labels = example()
    loss, frame = built(name, progress), logits.frame.detach().double()

    def total(clip: Tensor) -> Tensor:
        cells = loss(Logits(clip, frame), labels)
        return (cells.value * cells.weight).sum()

    assert torch.autograd.gradcheck(total, (logits.clip.detach().double().requires_grad_(),))


@pytest.mark.parametrize("progress", [0.0, 1.0])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "clip_and_frame"])
def test_it_works_on_frames_unless_it_has_a_table_of_rows(name, progress):
    loss = built(name, progress)
    if name in (*REMEMBERING, "csl"):
        with pytest.raises(ValueError, match="keeps a table of training rows"):
            ClipAndFrame(loss)
        return
    logits, labels = example()
    cells = ClipAndFrame(loss)(logits, labels)
    (cells.value * cells.weight).sum().backward()
    assert cells.value.isfinite().all()
    assert logits.frame.grad is not None
    assert logits.frame.grad.isfinite().all()
    assert (logits.frame.grad[labels.frame.known == 1] != 0).any()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lsoft_b"])
def test_neither_schedule_nor_memory_matters_where_all_is_known(name):
    logits, labels = example(share_known=1.0)
    early, late = built(name, 0.0)(logits, labels), built(name, 1.0)(logits, labels)
    torch.testing.assert_close(early.value, late.value)
    torch.testing.assert_close(early.weight, late.weight)


@pytest.mark.parametrize("name", NAMES)
def test_its_gradient_pulls_towards_what_is_known(name):
    logits, labels = example(share_known=1.0)
    # Frames that agree with their clip, so that both pull the same way.
    frame = Labels(*(part[:, None].expand(BATCH, FRAMES, SPECIES) for part in labels.clip))
    _, of_clip, _ = gradients(name, logits, labels._replace(frame=frame))
    assert (of_clip[labels.clip.target == 1] < 0).all()
    assert (of_clip[labels.clip.target == 0] > 0).all()


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in COUNTING])
def test_a_cell_known_in_part_is_a_mixture_of_a_known_and_an_unknown_one(name, share):
    gradient = {}
    for known in (1.0, share, 0.0):
        logits, labels = example()
        clip = Labels(labels.clip.target.nan_to_num(), labels.clip.known * known)
        nothing = Labels(labels.frame.target.nan_to_num(), torch.zeros_like(labels.frame.known))
        labels = labels._replace(clip=clip, frame=nothing)
        _, gradient[known], _ = gradients(name, logits, labels)
    assert (gradient[1.0] - gradient[0.0]).abs().max() > 0.1
    mixture = share * gradient[1.0] + (1 - share) * gradient[0.0]
    torch.testing.assert_close(gradient[share], mixture, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", MASKED)
def test_if_masked_a_half_known_cell_has_half_the_gradient(name):
    logits, labels = example(share_known=1.0)
    for part in (labels.clip, labels.frame):
        part.known[:, ..., ::2] = 0.5
    _, half, _ = gradients(name, logits, labels)
    logits, labels = example(share_known=1.0)
    _, whole, _ = gradients(name, logits, labels)
    assert (whole[:, ::2] != 0).all()
    torch.testing.assert_close(half[:, ::2], whole[:, ::2] / 2)
    torch.testing.assert_close(half[:, 1::2], whole[:, 1::2])


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
