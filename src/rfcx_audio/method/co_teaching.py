"""Co-teaching: two networks, each trained on the cells of small loss of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rfcx_audio.batch import CellLoss, Labels, SpectrogramBatch
from rfcx_audio.loss import Reduction
from rfcx_audio.method.supervised import Supervised, num_processes
from rfcx_audio.metric import Metrics
from rfcx_audio.model import Peers
from rfcx_audio.scoring import SlidingWindows

Select = Literal["example", "cell"]

_ROUNDING = 1e-6  # 1 - 0.9 is a little less than 0.1, and a tenth of ten must still be one


def remember_rate(
    epoch_progress: float, tau: float, ramp_epochs: float, exponent: float = 1.0
) -> float:
    """The share of a batch that is kept, R(T) = 1 - tau min((T / T_k)^exponent, 1).

    Args:
        epoch_progress: T, the epochs that lie behind, with the begun one's share: 0 at the first
            batch of all, from which everything is kept.
        tau: in [0, 1), the share that is left out in the end.
        ramp_epochs: T_k, above 0, after which it is.
        exponent: above 0; below 1 the share falls fast at first, above 1 slowly.

    Raises:
        ValueError: a setting lies outside its range.

    Source: Han et al. (2018), arXiv:1804.06872, where T steps once an epoch and the exponent is 1.
    Their code raises tau to the exponent, which changes where the ramp ends; here it only bends it.
    """
    if not (0 <= tau < 1 and ramp_epochs > 0 and exponent > 0):
        raise ValueError(
            f"tau ({tau}) must lie in [0, 1), ramp_epochs ({ramp_epochs}) and exponent "
            f"({exponent}) above 0"
        )
    return 1 - tau * min((epoch_progress / ramp_epochs) ** exponent, 1)


def small_loss_cells(value: Tensor, selectable: Tensor, rate: float) -> Tensor:
    """The share `rate` of the selectable cells that cost least.

    Args:
        value: (batch, species), or of any shape; used only where `selectable`.
        selectable: bool, of the same shape.
        rate: in [0, 1].

    Returns:
        Bool of the same shape, True in max(1, int(rate n)) of the n selectable cells, in none
        where n is 0. Of equal ones, the first are kept.
    """
    # The number stays a tensor, so that the host does not wait for the device.
    number = selectable.sum().double()
    number = torch.minimum(number, (rate * number + _ROUNDING).floor().clamp(min=1))
    cost = torch.where(selectable, value.detach(), torch.inf).flatten()
    place = torch.arange(len(cost), device=cost.device)
    rank = torch.empty_like(place).scatter(0, cost.argsort(stable=True), place)
    return (rank < number).view_as(selectable) & selectable


def small_loss_examples(losses: Tensor, rate: float) -> Tensor:
    """The share `rate` of the examples that cost least: max(1, int(rate batch)) of them.

    Args:
        losses: (batch,).
        rate: in [0, 1].

    Returns:
        (batch,) bool. Of equal ones, the first are kept.
    """
    return small_loss_cells(losses, torch.ones_like(losses, dtype=torch.bool), rate)


def kept_cells(cells: CellLoss, known: Tensor, rate: float, select: Select) -> Tensor:
    """What one network would keep of a batch, and hand to the other.

    Args:
        cells: its losses.
        known: (batch, species) in [0, 1], of the clips.
        rate: in [0, 1], see `remember_rate`.
        select: `example` keeps the examples whose weighted mean loss is smallest, with all their
            cells; one without any weight comes last, as it has no gradient. `cell` keeps every
            labelled cell, and of the unknown cells that have a weight those of smallest loss.

    Returns:
        (batch, species) bool.
    """
    value, weight = cells.value.detach(), cells.weight.detach()
    if select == "cell":
        assumed = (known == 0) & (weight > 0)
        return ~assumed | small_loss_cells(value, assumed, rate)
    total = weight.sum(1)
    losses = (weight * value).sum(1) / torch.where(total > 0, total, 1)
    kept = small_loss_examples(torch.where(total > 0, losses, torch.inf), rate)
    return kept[:, None].expand_as(value)


def exchange(
    first: CellLoss, second: CellLoss, known: Tensor, rate: float, select: Select
) -> tuple[CellLoss, CellLoss]:
    """The losses of two networks, each with the weights of what the other keeps.

    Selection only takes weight away: the reduction that follows divides by what is left, and
    dividing by the number of kept examples again, as the published code does, would shrink the
    step as the batch grows.

    Args:
        first: (batch, species) twice.
        second: the same.
        known: (batch, species) in [0, 1], of the clips.
        rate: in [0, 1], see `remember_rate`.
        select: see `kept_cells`.
    """
    for_second = kept_cells(first, known, rate, select)
    for_first = kept_cells(second, known, rate, select)
    return (
        CellLoss(first.value, first.weight * for_first),
        CellLoss(second.value, second.weight * for_second),
    )


def purity(cells: Tensor, truth: Labels) -> Tensor:
    """In how many cells the species is truly absent, and of how many.

    Args:
        cells: (..., batch, species) bool.
        truth: (batch, species) twice; cells whose truth is unknown are not counted.

    Returns:
        (2,) counts; their ratio is the purity, and the counts of several batches add up.
    """
    judged = cells & (truth.known > 0)
    return torch.stack([(judged & (truth.target == 0)).sum(), judged.sum()])


class CoTeaching(Supervised):
    """Two networks on one batch; each picks the cells of small loss for its peer.

    Wrong labels cost much before a network has learned them by heart, and two networks err
    differently: what one would let pass, the other leaves out. Both choose before either moves,
    and no gradient passes from one to the other.

    The networks share one optimizer object, and the step follows the sum of their losses. As they
    share no weight, and AdamW or SGD moves each weight by its own gradient, that is what an
    optimizer for each would do; steps, schedules and checkpoints count batches as in every method.
    `trainer.gradient_clip_val` holds for each network alone. In several processes, each selects
    from its own share of the batch. The loss is called once for each network.

    Beside `train/loss`, the mean of both, it logs `train/remember_rate` and, where the complete
    truth is known, `train/purity`: how many of the assumed-absent cells that were kept are truly
    absent, beside `train/purity_all`, the same before the selection.

    Args:
        model: the two networks.
        loss: (`Logits`, `CropLabels`) -> `CellLoss`. With `select="cell"` it must give unknown
            cells a weight, or there is nothing to select.
        optimizer: `optimizer(parameters)`.
        scheduler: `scheduler(optimizer, total_steps)`, stepped once a batch.
        metrics: over windows and over recordings, by name.
        windows: pools the scores of a recording's windows.
        reduction: how the cells of a batch become one number, see `reduce_cells`.
        tau: in [0, 1), see `remember_rate`.
        ramp_epochs: above 0, see `remember_rate`.
        exponent: above 0, see `remember_rate`.
        select: `example` (the paper's) or `cell`, see `kept_cells`.

    Raises:
        ValueError: a setting lies outside its range, or there is nothing to select.

    Source: Han et al. (2018), arXiv:1804.06872. Added: `select="cell"`, for labels that are partly
    known, and the ramp's steps within an epoch.
    """

    def __init__(
        self,
        model: Peers,
        loss: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        metrics: Metrics,
        windows: SlidingWindows,
        reduction: Reduction = "known",
        tau: float = 0.2,
        ramp_epochs: float = 1.0,
        exponent: float = 1.0,
        select: Select = "cell",
    ) -> None:
        super().__init__(model, loss, optimizer, scheduler, metrics, windows, reduction)
        remember_rate(0, tau, ramp_epochs, exponent)  # refuses a bad setting before training
        if select not in get_args(Select):
            raise ValueError(
                f"select {select!r} does not exist; choose {', '.join(get_args(Select))}"
            )
        if select == "cell" and not self.weighs_unknown():
            raise ValueError(
                "the loss leaves unknown cells out, so method.select=cell has nothing to select; "
                "choose loss=bce or loss=weak_negatives, or method.select=example"
            )
        self.tau = tau
        self.ramp_epochs = ramp_epochs
        self.exponent = exponent
        self.select: Select = select
        self.purity_counts = torch.zeros(2, 2, dtype=torch.int64)

    @property
    def networks(self) -> tuple[nn.Module, nn.Module]:
        """The two networks."""
        model = cast(Peers, self.model)
        return model.first, model.second

    def training_step(self, batch: SpectrogramBatch, batch_idx: int) -> Tensor | None:
        """The losses' sum; see `without_crops` when no crop could be read."""
        if not len(batch.spectrogram):
            return self.without_crops(networks=2)
        rate = self.rate(batch_idx)
        labels = batch.labels
        first, second = (self.loss(network(batch.spectrogram), labels) for network in self.networks)
        taught = exchange(first, second, labels.clip.known, rate, self.select)
        values = [self.reduced(cells, labels.clip) for cells in taught]
        size = len(batch.spectrogram)
        self.log_loss((values[0] + values[1]) / 2, size)
        self.log("train/remember_rate", torch.full_like(values[0].detach(), rate), batch_size=size)
        counts = []
        for pair in (taught, (first, second)):
            assumed = torch.stack([(c.weight > 0) & (labels.clip.known == 0) for c in pair])
            counts.append(purity(assumed, labels.truth))
        self.purity_counts = self.purity_counts + torch.stack(counts)
        return values[0] + values[1]

    def on_train_epoch_start(self) -> None:
        """Begins to count anew."""
        self.purity_counts = torch.zeros(2, 2, dtype=torch.int64, device=self.device)

    def on_train_epoch_end(self) -> None:
        """Logs the purity of the epoch's cells, where the truth of any is known."""
        counts = self.purity_counts
        if num_processes() > 1:
            torch.distributed.all_reduce(counts)
        for name, (absent, judged) in zip(("purity", "purity_all"), counts.tolist(), strict=True):
            if judged:
                self.log(f"train/{name}", absent / judged)

    def rate(self, batch_idx: int) -> float:
        """R(T) of a batch; it depends on nothing else, so that a resumed run goes on with it."""
        begun = batch_idx / self.trainer.num_training_batches
        return remember_rate(self.current_epoch + begun, self.tau, self.ramp_epochs, self.exponent)
