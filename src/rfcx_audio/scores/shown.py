"""Tables on the screen."""

from __future__ import annotations

import pandas as pd
from rich.table import Table


def rich_table(table: pd.DataFrame, title: str) -> Table:
    """A table for the terminal; numbers with four decimals."""
    shown = Table(title=title)
    for column in table:
        shown.add_column(str(column), justify="left" if table[column].dtype == object else "right")
    for line in table.itertuples(index=False, name=None):
        shown.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in line))
    return shown
