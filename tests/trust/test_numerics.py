"""Numerical accuracy of losses and metrics, and finite values at extreme inputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from quick import words
from rfcx_audio.batch import CropLabels, Labels, Logits, unknown_labels
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.data import RecordingDataModule
from rfcx_audio.experiment import train_run
from rfcx_audio.loss import Reduction, RowTable, reduce_cells
from trust import shares
from trust.ledger import Tally, brief_or_long

PART = "Numerics"
LOSSES = sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml"))
REDUCTIONS = get_args(Reduction)
BATCH, FRAMES, LABEL_FRAMES, SPECIES = 3, 2, 4, 5

HELD_FIXED = {name: "loss.teacher=ema" for name in LOSSES if name.startswith("lsoft")}
"""Losses whose target depends on a prediction without gradient: a difference quotient would change
it too, so the prediction of a fixed teacher is used."""


def loss_of(name: str, *more: str, num_species: int = SPECIES) -> nn.Module:
    """The loss, with its table of rows (if any) resized to a batch."""
    loss: nn.Module = build(load_config("train", [f"loss={name}", *more]).loss)
    for part in loss.modules():
        if isinstance(part, RowTable):
            part.resize(BATCH, num_species)
    return loss


def example(seed: int, known: float, scale: float = 2.0) -> tuple[Logits, CropLabels]:
    """Float64 logits with gradients; soft targets, of which a share `known` is known."""
    generator = torch.Generator().manual_seed(seed)

    def real(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def labels(*shape: int) -> Labels:
        target = torch.rand(shape, generator=generator, dtype=torch.float64)
        weight = torch.rand(shape, generator=generator, dtype=torch.float64)
        which = torch.rand(shape, generator=generator, dtype=torch.float64) < known
        return Labels(target, weight * which)

    clip, frame = scale * real(BATCH, SPECIES), scale * real(BATCH, FRAMES, SPECIES)
    crop_labels = unknown_labels(BATCH, SPECIES, LABEL_FRAMES)._replace(
        clip=labels(BATCH, SPECIES),
        frame=labels(BATCH, LABEL_FRAMES, SPECIES),
        rows=torch.arange(BATCH)[:, None],
    )
    teacher = real(BATCH, SPECIES)
    return Logits(clip.requires_grad_(), frame.requires_grad_(), teacher), crop_labels


@pytest.mark.promise(PART, "a loss's gradient is that of its value (gradcheck, float64)")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_the_value(name: str, reduction: str, tally: Tally) -> None:
    loss = loss_of(name, *([HELD_FIXED[name]] if name in HELD_FIXED else []))
    for seed in range(brief_or_long(1, 20)):
        logits, labels = example(seed, known=(0.0, 0.4, 1.0)[seed % 3] if seed else 0.4)

        def value(clip: Tensor, frame: Tensor, logits=logits, labels=labels) -> Tensor:
            cells = loss(logits._replace(clip=clip, frame=frame), labels)
            return reduce_cells(cells, labels.clip, reduction)

        right = torch.autograd.gradcheck(
            value, (logits.clip, logits.frame), raise_exception=False, check_undefined_grad=False
        )
        tally.case(right, f"seed {seed}")


EXTREMES = torch.tensor([-1e4, -1e3, -100.0, -20.0, -1e-4, 0.0, 1e-4, 20.0, 100.0, 1e3, 1e4])


@pytest.mark.promise(PART, "losses and gradients are finite for logits from -10 000 to 10 000")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_finite_at_any_logit(name: str, dtype: torch.dtype, tally: Tally) -> None:
    width = len(EXTREMES)
    loss = loss_of(name, num_species=width)
    for target in (0.0, 0.5, 1.0):
        for known in (0.0, 0.3, 1.0):
            clip = EXTREMES.repeat(2, 1).to(dtype).requires_grad_()
            frame = EXTREMES.repeat(2, FRAMES, 1).to(dtype).requires_grad_()
            both = Labels(torch.full((2, width), target), torch.full((2, width), known))
            labels = unknown_labels(2, width)._replace(
                clip=both,
                frame=Labels(*(part[:, None] for part in both)),
                rows=torch.arange(2)[:, None],
            )
            cells = loss(Logits(clip, frame, clip.detach()), labels)
            for how in REDUCTIONS:
                clip.grad = frame.grad = None
                value = reduce_cells(cells, labels.clip, how)
                value.backward(retain_graph=True)
                parts = (value, *cells, clip.grad, frame.grad)
                finite = all(part.isfinite().all() for part in parts if part is not None)
                tally.case(finite, f"target {target}, known {known}, {how}")


@pytest.mark.promise(PART, "a batch in which all is unknown has a finite loss; a masked one has 0")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_of_unknowns(name: str, reduction: str) -> None:
    logits, labels = example(0, known=0.0)
    nowhere = Labels(*(torch.full_like(part, torch.nan) for part in labels.clip))
    labels = labels._replace(clip=Labels(nowhere.target, labels.clip.known))
    cells = loss_of(name)(logits, labels)
    unknown = Labels(torch.zeros_like(nowhere.target), labels.clip.known)
    value = reduce_cells(cells, unknown, reduction)
    value.backward()
    assert value.isfinite()
    assert logits.clip.grad is None or logits.clip.grad.isfinite().all()
    if not cells.weight.any():
        assert value == 0
        assert logits.clip.grad is None or not logits.clip.grad.any()


@pytest.mark.promise(PART, "metrics of two processes with uneven shares equal those of one")
@pytest.mark.slow
@pytest.mark.trust
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_metrics_of_two_processes(tmp_path: Path, tally: Tally) -> None:
    command = [sys.executable, shares.__file__]
    processes = [
        subprocess.Popen([*command, str(rank), str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for case in range(shares.CASES):
        expected = shares.values(shares.metrics(), [shares.table(case)])
        for rank in range(2):
            for name, value in expected.items():
                same = torch.allclose(
                    found[rank][case][name], value, rtol=1e-12, atol=0, equal_nan=True
                )
                tally.case(same, f"case {case}, rank {rank}: {name}")


@pytest.mark.promise(PART, "the same seed gives the same run with 0, 1 and 2 workers")
@pytest.mark.slow
def test_batches_do_not_depend_on_workers(forest: Path, tmp_path: Path, tally: Tally) -> None:
    def batches(workers: int) -> list[Tensor]:
        more = [f"data.num_workers={workers}", "data.crops.background_share=0.2"]
        data: RecordingDataModule = build(
            load_config("train", words(forest, tmp_path, *more)).data.module
        )
        data.setup("fit")
        return [
            tensor
            for batch in data.train_dataloader()
            for tensor in (batch.waveform, *batch.labels.clip, torch.tensor(batch.seed))
        ]

    alone = batches(0)
    for workers in (1, 2):
        for one, other in zip(alone, batches(workers), strict=True):
            tally.case(torch.equal(one, other), f"{workers} workers")


@pytest.mark.promise(PART, "the same seed gives the same run with 0, 1 and 2 workers")
@pytest.mark.slow
@pytest.mark.trust
def test_runs_do_not_depend_on_workers(forest: Path, tmp_path: Path, tally: Tally) -> None:
    runs = []
    for workers in (0, 1, 2):
        folder = tmp_path / str(workers)
        train_run(load_config("train", words(forest, folder, f"data.num_workers={workers}")))
        runs.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True))
    for other in runs[1:]:
        for name, value in runs[0]["state_dict"].items():
            tally.case(torch.equal(value, other["state_dict"][name]), name)
