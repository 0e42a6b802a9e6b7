from __future__ import annotations

import pandas as pd
from rich.console import Console

from rfcx_audio.scores import rich_table


def test_a_table_for_the_terminal_shows_every_cell() -> None:
    console, table = Console(width=80), pd.DataFrame({"count": [3], "value": [0.25]})
    with console.capture() as captured:
        console.print(rich_table(table, "title"))
    assert "│     3 │ 0.2500 │" in captured.get()
    assert "title" in captured.get()
