"""A loss's memory: numbers for each row of the training table."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfcx_audio.batch import MIXED_BACKGROUND, CropLabels


def sums_by_row(rows: Tensor, values: Tensor, num_rows: int) -> Tensor:
    """The sum of the values written to each cell, and their number; NaN is left out.

    The sums of several processes, or of several batches, add up.

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
    """The table after writing: the mean of what was written to a cell, else its old value.

    Args:
        table: (rows, species).
        sums: (rows, 2 * species), see `sums_by_row`.
    """
    total, count = sums.chunk(2, dim=1)
    return torch.where(count > 0, total / count.clamp(min=1), table)


class RowTable(nn.Module):
    """Numbers for each row of the training table and each species, kept over the training.

    A crop belongs to the rows in its labels' `rows`: the row that it was cut around, so that all
    crops of one call share an entry, wherever in the crop the call lies. A mixture of crops belongs
    to the rows of all of them, a crop of background to none.

    What a step writes is read from the next step on. `commit` sets each cell to the mean of all
    that was written to it, NaN left out, by all processes: several processes with a share of the
    batch each get the same table as one process with the whole batch. A learning method sets the
    table's size before training, commits after every step, and keeps the table in its checkpoints;
    a resumed run needs the same rows in the same order.

    Args:
        initial: value of cells that were never written.
        num_rows: None for one entry per row of the training table. A number makes a table of that
            size, which is not indexed by training rows: 1 for a value that all crops share.
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
        """Makes a new table, unless this one has the size already.

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
        """Keeps new values for `commit`; does nothing outside of training.

        Args:
            rows: (writings,) int64; those below 0 are skipped.
            values: (writings, species).
        """
        if self.training:
            values = values.detach().to(self.values.dtype)
            # Leaving rows out would wait for the device; NaN is left out of every sum.
            noted = torch.where((rows >= 0)[:, None], values, torch.nan)
            self.written.append((rows.clamp(min=0), noted))

    @torch.no_grad()
    def commit(self) -> None:
        """Updates the table with what all processes wrote since the last time."""
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
        """Continues with the table of a checkpoint.

        Args:
            values: (rows, species).

        Raises:
            ValueError: the sizes differ.
        """
        if values.shape != self.values.shape:
            raise ValueError(
                f"the loss's table in the checkpoint has {tuple(values.shape)} (rows, species), "
                f"this run's has {tuple(self.values.shape)}; resume with the same tables, "
                f"pseudo-labels and fold, or start a run of its own from the weights (start_from)"
            )
        self.values = values.to(self.values)

    def extra_repr(self) -> str:
        """The size, for `repr`."""
        return f"{self.values.shape[0]} rows, {self.values.shape[1]} species"


def rows_of_crops(labels: CropLabels, table: RowTable) -> Tensor:
    """The rows that crops belong to, for a loss with a table of them.

    Args:
        labels: of the crops.
        table: which is to be read.

    Returns:
        (batch, rows) int64, see `CropLabels`.

    Raises:
        ValueError: the labels have no rows, or the table has no size.
    """
    if labels.rows is None or not len(table.values):
        missing = "its labels have no rows" if labels.rows is None else "its table has no size yet"
        raise ValueError(
            f"this loss keeps a table of the training rows, but {missing}; train it with "
            f"rfcx_audio.train, on clips (not frames), with crops that pass on CropLabels.rows"
        )
    return labels.rows


def only_row(rows: Tensor) -> Tensor:
    """(batch, rows) -> (batch,), the row of crops that are of exactly one, else -1."""
    is_part = (rows >= 0) | (rows == MIXED_BACKGROUND)
    return torch.where((is_part.sum(1) == 1) & (rows.amax(1) >= 0), rows.amax(1), -1)


def in_any(parts: Tensor, rows: Tensor) -> Tensor:
    """The probability that a mixture holds a species: 1 - the product of (1 - p) over its crops.

    Args:
        parts: (batch, rows, species) in [0, 1].
        rows: (batch, rows); parts whose row is below 0 do not count.

    Returns:
        (batch, species); 0 for a crop without any row.
    """
    return 1 - (1 - parts * (rows >= 0)[..., None]).prod(1)
