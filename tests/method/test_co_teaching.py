from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from rfcx_audio.batch import Boxes, CellLoss, CropLabels, Labels, Logits, SpectrogramBatch
from rfcx_audio.loss import reduce_cells
from rfcx_audio.method import CoTeaching, build_trainer, constant, warmup_cosine
from rfcx_audio.method.co_teaching import (
    Select,
    exchange,
    kept_cells,
    purity,
    remember_rate,
    small_loss_cells,
    small_loss_examples,
)
from rfcx_audio.metric import Lwlrap, MaskedAUROC, Metrics
from rfcx_audio.model import Peers
from rfcx_audio.scoring import SlidingWindows

SPECIES = 3
BATCH = 4
CROPS = 16

quiet = pytest.mark.filterwarnings(
    "ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning"
)


class Constant(nn.Module):
    """Each cell of its answer is a weight of its own."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.clip = nn.Parameter(logits.clone())

    def forward(self, spectrogram: Tensor) -> Logits:
        return Logits(self.clip, self.clip[:, None])


class OneLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, SPECIES)

    def forward(self, spectrogram: Tensor) -> Logits:
        clip = self.layer(spectrogram.flatten(1))
        return Logits(clip, clip[:, None])


class AssumeAbsent(nn.Module):
    """Cross-entropy that calls unknown species absent, with full weight."""

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        target = labels.clip.target * labels.clip.known
        value = functional.binary_cross_entropy_with_logits(logits.clip, target, reduction="none")
        return CellLoss(value, torch.ones_like(value))


def crop_labels(target: Tensor, known: Tensor, truth: Labels | None = None) -> CropLabels:
    unknown = Labels(torch.zeros_like(target), torch.zeros_like(target))
    no_box = torch.zeros(len(target), 0)
    return CropLabels(
        clip=Labels(target, known),
        frame=Labels(target[:, None], known[:, None]),
        boxes=Boxes(*[no_box] * 8),
        truth=unknown if truth is None else truth,
    )


def batch_of(labels: CropLabels) -> SpectrogramBatch:
    return SpectrogramBatch(torch.randn(len(labels.clip.target), 1, 2, 5), labels, seed=0)


def method_of(
    first: nn.Module,
    second: nn.Module,
    select: Select,
    optimizer: Callable[..., Any] = torch.optim.SGD,
    scheduler: Callable[..., Any] = constant,
    **settings: float,
) -> CoTeaching:
    return CoTeaching(
        model=Peers(first, second),
        loss=AssumeAbsent(),
        optimizer=optimizer,
        scheduler=scheduler,
        metrics=Metrics({"auc": MaskedAUROC(SPECIES)}, {"lwlrap": Lwlrap(SPECIES)}),
        windows=SlidingWindows(6.0),
        select=select,
        **settings,
    )


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What a method logs that has no trainer, and keeps half of each batch."""
    values: dict[str, float] = {}

    def log(_: CoTeaching, name: str, value: Any, **__: Any) -> None:
        values[name] = torch.as_tensor(value).item()

    monkeypatch.setattr(CoTeaching, "log", log)
    monkeypatch.setattr(CoTeaching, "rate", lambda *_: 0.5)
    return values


# ------------------------------------------------------------------------------ how much is kept


@pytest.mark.parametrize(
    ("epochs", "exponent", "expected"),
    [(0, 1, 1.0), (1, 1, 0.98), (2.5, 1, 0.95), (10, 1, 0.8), (30, 1, 0.8), (5, 2, 0.95)],
)
def test_the_share_that_is_kept_falls_to_one_minus_tau(
    epochs: float, exponent: float, expected: float
) -> None:
    assert remember_rate(epochs, 0.2, 10, exponent) == pytest.approx(expected)


@pytest.mark.parametrize("settings", [(1.0, 10, 1), (-0.1, 10, 1), (0.2, 0, 1), (0.2, 10, 0)])
def test_settings_out_of_range_are_refused_before_training(
    settings: tuple[float, float, float],
) -> None:
    tau, ramp_epochs, exponent = settings
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\)"):
        method_of(
            OneLayer(), OneLayer(), "cell", tau=tau, ramp_epochs=ramp_epochs, exponent=exponent
        )


def test_an_unknown_selection_is_refused() -> None:
    with pytest.raises(ValueError, match="'species' does not exist; choose example, cell"):
        method_of(OneLayer(), OneLayer(), "species")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------- what is kept


@pytest.mark.parametrize("rate", [0.0, 0.33, 0.8, 1.0])
def test_cells_are_kept_as_a_plain_loop_keeps_them(rate: float) -> None:
    value, selectable = torch.rand(6, 7), torch.rand(6, 7) < 0.6
    value[~selectable] = torch.nan  # means nothing, and must not matter
    places = sorted(map(tuple, selectable.nonzero().tolist()), key=lambda place: value[place])
    expected = np.zeros((6, 7), dtype=bool)
    for place in places[: max(1, int(rate * len(places)))]:
        expected[place] = True
    assert np.array_equal(small_loss_cells(value, selectable, rate).numpy(), expected)


def test_where_nothing_can_be_selected_nothing_is() -> None:
    assert not small_loss_cells(torch.rand(2, 3), torch.zeros(2, 3).bool(), 0.5).any()


@pytest.mark.parametrize(("rate", "kept"), [(0.5, 2), (0.4, 2), (0.39, 1), (0.01, 1), (1.0, 5)])
def test_at_least_one_example_is_kept(rate: float, kept: int) -> None:
    losses = torch.tensor([3.0, 1.0, 4.0, 0.5, 2.0])
    expected = np.isin(np.arange(5), np.argsort(losses.numpy())[:kept])
    assert small_loss_examples(losses, rate).tolist() == expected.tolist()


def test_a_rate_just_below_a_whole_number_is_not_rounded_down() -> None:
    assert int((1 - 0.9) * 20) == 1  # two twentieths
    assert small_loss_examples(torch.rand(20), 1 - 0.9).sum() == 2


def test_of_equal_losses_the_first_are_kept() -> None:
    assert small_loss_examples(torch.ones(100), 0.3).nonzero().flatten().tolist() == [*range(30)]


def test_known_cells_are_never_dropped() -> None:
    known = torch.tensor([[1.0, 0, 0, 0], [0.5, 0, 0, 0]])
    value = torch.tensor([[99.0, 1, 2, 3], [98.0, 4, 5, 0]])
    weight = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 0]])  # the last cell counts for nothing
    kept = kept_cells(CellLoss(value, weight), known, rate=0.4, select="cell")
    assert (kept & (weight > 0)).tolist() == [[True, True, True, False], [True] + [False] * 3]


def test_examples_are_ranked_by_the_weighted_mean_of_their_cells() -> None:
    value = torch.tensor([[9.0, 1.0], [2.0, 3.0], [0.0, 5.0], [0.0, 0.0]])
    weight = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.1, 1.0], [0.0, 0.0]])
    cells = CellLoss(value, weight)  # they cost 1, 2.5, 4.5, and nothing to learn from
    for rate, examples in ((0.25, {0}), (0.5, {0, 1}), (0.75, {0, 1, 2})):
        kept = kept_cells(cells, torch.ones(4, 2), rate, "example")
        assert set(kept.all(1).nonzero().flatten().tolist()) == examples
        assert torch.equal(kept.any(1), kept.all(1))


def test_purity_by_hand() -> None:
    cells = torch.tensor([[True, True, False], [True, True, True]])
    target = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.3]])
    known = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    assert purity(cells, Labels(target, known)).tolist() == [2, 4]
    assert purity(cells, Labels(target, torch.zeros(2, 3))).tolist() == [0, 0]


# ----------------------------------------------------------------------- who learns from what


@pytest.mark.parametrize("select", ["example", "cell"])
@pytest.mark.usefixtures("logged")
def test_each_network_learns_only_from_what_its_peer_finds_easy(select: Select) -> None:
    rising = torch.arange(float(BATCH))[:, None].expand(BATCH, SPECIES)  # the first is easiest
    method = method_of(Constant(rising), Constant(-rising), select)
    unlabelled = torch.zeros(BATCH, SPECIES)  # all unknown: a higher logit costs more
    loss = method.training_step(batch_of(crop_labels(unlabelled, unlabelled)), 0)
    assert loss is not None
    loss.backward()
    first, second = (network.clip.grad != 0 for network in method.networks)
    half = torch.arange(BATCH)[:, None].expand(BATCH, SPECIES) < BATCH // 2
    assert torch.equal(second, half)  # what the first finds easy
    assert torch.equal(first, ~half)


def test_no_gradient_crosses() -> None:
    first, second = (torch.rand(BATCH, SPECIES, requires_grad=True) for _ in range(2))
    known = torch.zeros(BATCH, SPECIES)
    weight = torch.ones(BATCH, SPECIES)
    for_first, _ = exchange(
        CellLoss(first**2, weight), CellLoss(second**2, weight), known, 0.5, "cell"
    )
    (for_first.weight * for_first.value).sum().backward()
    assert first.grad is not None
    assert second.grad is None


def test_the_loss_is_divided_by_the_weight_that_is_kept_and_not_again(
    logged: dict[str, float],
) -> None:
    logits = torch.full((BATCH, SPECIES), 0.7)
    method = method_of(Constant(logits), Constant(logits), "cell")
    unlabelled = torch.zeros(BATCH, SPECIES)
    method.training_step(batch_of(crop_labels(unlabelled, unlabelled)), 0)
    assert logged["train/loss"] == pytest.approx(functional.softplus(torch.tensor(0.7)).item())


def test_the_log_has_the_purity_of_the_selection(logged: dict[str, float]) -> None:
    hard = torch.zeros(BATCH, SPECIES)
    hard[:, 0] = 9.0  # both networks detect the first species, which is unlabelled
    truth = Labels((hard > 0).float(), torch.ones_like(hard))
    unlabelled = torch.zeros(BATCH, SPECIES)
    method = method_of(Constant(hard), Constant(hard), "cell")
    method.training_step(batch_of(crop_labels(unlabelled, unlabelled, truth)), 0)
    method.on_train_epoch_end()
    assert logged["train/remember_rate"] == 0.5
    assert logged["train/purity_all"] == pytest.approx(2 / 3)
    assert logged["train/purity"] == 1.0


def test_without_a_truth_no_purity_is_logged(logged: dict[str, float]) -> None:
    method = method_of(OneLayer(), OneLayer(), "cell")
    unlabelled = torch.zeros(BATCH, SPECIES)
    method.training_step(batch_of(crop_labels(unlabelled, unlabelled)), 0)
    method.on_train_epoch_end()
    assert set(logged) == {"train/loss", "train/remember_rate"}


@pytest.mark.usefixtures("logged")
def test_a_batch_without_crops_is_skipped() -> None:
    method = method_of(OneLayer(), OneLayer(), "cell")
    assert method.training_step(batch_of(crop_labels(*[torch.zeros(0, 0)] * 2)), 0) is None


# --------------------------------------------------------------------------------- whole runs


def crops() -> SpectrogramBatch:
    generator = torch.Generator().manual_seed(1)
    shape = (CROPS, SPECIES)
    target, known = (torch.randint(0, 2, shape, generator=generator).float() for _ in range(2))
    return SpectrogramBatch(
        torch.randn(CROPS, 1, 2, 5, generator=generator), crop_labels(target, known), seed=0
    )


def part(indices: list[int]) -> SpectrogramBatch:
    whole = crops()
    clip = whole.labels.clip
    labels = crop_labels(clip.target[indices], clip.known[indices])
    return SpectrogramBatch(whole.spectrogram[indices], labels, seed=0)


def fit(
    method: CoTeaching, folder: Path, epochs: int, resume: Path | None = None, **options: Any
) -> pl.Trainer:
    trainer = build_trainer(
        "32-true",
        "cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    loader = DataLoader(range(CROPS), batch_size=BATCH, collate_fn=part)  # type: ignore[arg-type]
    trainer.fit(method, loader, ckpt_path=resume, weights_only=True)
    return trainer


def networks(seed: int) -> tuple[OneLayer, OneLayer]:
    torch.manual_seed(seed)
    return OneLayer(), OneLayer()


@quiet
@pytest.mark.parametrize(("select", "clip"), [("example", None), ("cell", 0.05)])
def test_a_run_equals_a_loop_with_an_optimizer_for_each_network(
    select: Select, clip: float | None, tmp_path: Path
) -> None:
    sgd, cosine = (
        partial(torch.optim.SGD, lr=0.5, momentum=0.9),
        partial(warmup_cosine, warmup=0.25),
    )
    method = method_of(*networks(0), select, sgd, cosine, tau=0.5, ramp_epochs=1.5)
    trainer = fit(method, tmp_path, 2, gradient_clip_val=clip)

    expected = networks(0)
    optimizers = [sgd(network.parameters()) for network in expected]
    schedulers = [cosine(optimizer, 8) for optimizer in optimizers]
    for step in range(8):
        batch = part([*range(step % 4 * BATCH, (step % 4 + 1) * BATCH)])
        losses = [AssumeAbsent()(network(batch.spectrogram), batch.labels) for network in expected]
        rate = 1 - 0.5 * min(1.0, step / 4 / 1.5)
        kept = [kept_cells(cells, batch.labels.clip.known, rate, select) for cells in losses]
        for own in (0, 1):
            cells = CellLoss(losses[own].value, losses[own].weight * kept[1 - own])
            optimizers[own].zero_grad()
            reduce_cells(cells, batch.labels.clip, "known").backward()
            nn.utils.clip_grad_norm_(expected[own].parameters(), clip or torch.inf)
            optimizers[own].step()
            schedulers[own].step()
    assert trainer.global_step == 8  # batches, not steps of either optimizer
    for network, found in zip(expected, method.networks, strict=True):
        torch.testing.assert_close(dict(found.named_parameters()), dict(network.named_parameters()))


@quiet
def test_clipping_by_value_is_the_trainers_own(tmp_path: Path) -> None:
    sgd = partial(torch.optim.SGD, lr=1.0)
    method = method_of(*networks(0), "cell", sgd, tau=0.5)
    options = {"gradient_clip_val": 1e-3, "gradient_clip_algorithm": "value", "max_steps": 1}
    fit(method, tmp_path, 1, **options)
    for before, after in zip(networks(0), method.networks, strict=True):
        moved = (after.layer.weight - before.layer.weight).abs()
        assert moved.max().item() == pytest.approx(1e-3, rel=1e-3)


@quiet
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    adam, settings = partial(torch.optim.AdamW, lr=0.1), {"tau": 0.5, "ramp_epochs": 2.0}
    whole = method_of(*networks(0), "cell", adam, **settings)
    fit(whole, tmp_path, 2)
    half = method_of(*networks(0), "cell", adam, **settings)
    fit(half, tmp_path, 1).save_checkpoint(tmp_path / "half.ckpt")
    resumed = method_of(*networks(7), "cell", adam, **settings)
    fit(resumed, tmp_path, 2, resume=tmp_path / "half.ckpt")
    start = dict(Peers(*networks(0)).named_parameters())
    for (name, expected), found in zip(
        whole.model.named_parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(expected, found), name
        assert not torch.equal(expected, start[name]), name
