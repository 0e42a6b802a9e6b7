"""What a loss remembers of each row of the training table."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfcx_audio.batch import CropLabels


def sums_by_row(rows: Tensor, values: Tensor, num_rows: int) -> Tensor:
    """What was written of each cell, added up, and how often; NaN says nothing.

    The sums of several processes, or of several batches, are simply added.

    Args:
        rows: (writings,) int64 in [0, num_rows).
        values: (writings, species).
        num_rows: of the table.

    Returns:
        (num_rows, 2 * species); the latter half counts.
    """
    counted = torch.cat([values.nan_to_num(), (~values.isnan()).to(values.dtype)], dim=1)
    return counted.new_zeros(num_rows, counted.shape[1]).index_add_(0, rows, counted)


def settled(table: Tensor, sums: Tensor) -> Tensor:
    """The table after writing: the mean of what was written of a cell, else as it was.

    Args:
        table: (rows, species).
        sums: (rows, 2 * species), see `sums_by_row`.
    """
    total, count = sums.chunk(2, dim=1)
    return torch.where(count > 0, total / count.clamp(min=1), table)


class RowTable(nn.Module):
    """Numbers for each row of the training table and each species, kept over the training.

    A crop belongs to the rows in its labels' `rows`: the row that it was cut around, so that all
    crops that show the same call share one entry, wherever in them it lies. A mixture of crops
    belongs to the rows of all of them, a crop of background to none.

    What a step writes is read from the next step on. `commit` brings it in: the mean of all that
    was written of a cell, NaN left out, in any process: of the same values, several processes with
    a share of the batch each have the table that one with the whole batch has. A learning method
    gives the table its size before training, commits after every step, and keeps the table in its
    checkpoints; the same rows in the same order are meant when it is resumed.

    Args:
        initial: what is there before anything is written.
        num_rows: None for one of each row of the training table. A number makes a table that is no
            longer about rows, such as 1 for something that is remembered once.
    """

    values: Tensor

    def __init__(self, initial: float = 0.0, num_rows: int | None = None) -> None:
        super().__init__()
        self.initial = initial
        self.num_rows = num_rows
        self.written: list[tuple[Tensor, Tensor]] = []
        # Not among the weights: a run that starts from another's weights starts its own table.
        self.register_buffer("values", torch.empty(0, 0), persistent=False)

    def resize(self, num_rows: int, num_species: int) -> None:
        """Makes the table anew, unless it has that size already.

        Args:
            num_rows: of the training table.
            num_species: of the labels.
        """
        shape = (num_rows if self.num_rows is None else self.num_rows, num_species)
        if self.values.shape != shape:
            self.values = self.values.new_full(shape, self.initial)

    def read(self, rows: Tensor) -> Tensor:
        """(batch, rows) -> (batch, rows, species); `initial` where the row is -1."""
        found = self.values[rows.clamp(min=0)]
        return torch.where((rows >= 0)[..., None], found, self.initial)

    def write(self, rows: Tensor, values: Tensor) -> None:
        """Notes new values, for `commit`; outside of training, nothing.

        Args:
            rows: (writings,) int64; those below 0 are passed over.
            values: (writings, species).
        """
        if self.training:
            values = values.detach().to(self.values.dtype)
            # Leaving rows out would wait for the device; NaN is left out of every sum.
            noted = torch.where((rows >= 0)[:, None], values, torch.nan)
            self.written.append((rows.clamp(min=0), noted))

    @torch.no_grad()
    def commit(self) -> None:
        """Brings in what was written since the last time, by all processes."""
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        if not self.written and not together:
            return
        sums = self.values.new_zeros(len(self.values), 2 * self.values.shape[1])
        for rows, values in self.written:
            sums += sums_by_row(rows, values, len(sums))
        self.written = []
        if together:
            torch.distributed.all_reduce(sums)
        self.values.copy_(settled(self.values, sums))

    def restore(self, values: Tensor) -> None:
        """Goes on with a table of a checkpoint.

        Raises:
            ValueError: it has another size.
        """
        if values.shape != self.values.shape:
            raise ValueError(
                f"the checkpoint remembers {tuple(values.shape)} rows and species of the training "
                f"table, this run has {tuple(self.values.shape)}; resume with the same tables, "
                f"pseudo-labels and fold, or start a run of its own from the weights (start_from)"
            )
        self.values = values.to(self.values)

    def extra_repr(self) -> str:
        """The size, for `repr`."""
        return f"{self.values.shape[0]} rows, {self.values.shape[1]} species"


def rows_of_crops(labels: CropLabels, table: RowTable) -> Tensor:
    """The rows that crops belong to, for a loss that remembers them.

    Args:
        labels: of the crops.
        table: that is about to be read.

    Returns:
        (batch, rows) int64, -1 where there is none.

    Raises:
        ValueError: the labels do not say, or the table has no size.
    """
    if labels.rows is None or not len(table.values):
        lacking = "labels say no rows" if labels.rows is None else "table has no size yet"
        raise ValueError(
            f"this loss remembers each row of the training table, but its {lacking}; train it with "
            f"rfcx_audio.train, on clips (not frames), with crops that pass on CropLabels.rows"
        )
    return labels.rows


def only_row(rows: Tensor) -> Tensor:
    """(batch, rows) -> (batch,), the row of crops that have exactly one, else -1."""
    return torch.where((rows >= 0).sum(1) == 1, rows.amax(1), -1)


def in_any(parts: Tensor, rows: Tensor) -> Tensor:
    """How likely a species is heard in a mixture: 1 - the product of (1 - p) over its crops.

    Args:
        parts: (batch, rows, species) in [0, 1].
        rows: (batch, rows); parts whose row is -1 do not count.

    Returns:
        (batch, species); 0 for a crop without any row.
    """
    return 1 - (1 - parts * (rows >= 0)[..., None]).prod(1)
