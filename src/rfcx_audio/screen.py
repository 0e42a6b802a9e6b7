"""What commands print: tables, and lines such as the next command."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

_OF_A_NUMBER = "-0123456789"  # how it begins
_IN_A_FILE = 160  # characters a line, where there is no terminal to be as wide as


def print_table(table: pd.DataFrame, title: str) -> None:
    """Prints a title and a table as wide as it needs to be, or as the terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _IN_A_FILE)
    console.print(Text(title, style="italic"))
    console.print(rich_table(table))


def print_line(text: str) -> None:
    """Prints text as it is in one line, however long, so that a command can be copied."""
    Console(soft_wrap=True, markup=False).print(text)


def rich_table(table: pd.DataFrame) -> Table:
    """A table for the terminal; numbers with four decimals, missing ones as a hyphen."""
    shown = Table()
    lines = [[_cell(value) for value in line] for line in table.itertuples(index=False, name=None)]
    for place, column in enumerate(table):
        are_numbers = all(line[place][:1] in _OF_A_NUMBER for line in lines)
        # Text that is too long is continued below: no part of a name is left out.
        justify = "right" if are_numbers else "left"
        shown.add_column(Text(str(column)), justify=justify, overflow="fold")
    for line in lines:
        shown.add_row(*map(Text, line))  # a name may have square brackets
    return shown


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if pd.isna(value) else f"{value:.4f}"
    return str(value)
