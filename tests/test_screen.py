from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from rfcx_audio.screen import print_line, print_table, rich_table


def test_a_table_for_the_terminal_shows_every_cell() -> None:
    console, table = Console(width=80), pd.DataFrame({"count": [3], "value": [0.25]})
    with console.capture() as captured:
        console.print(rich_table(table))
    assert "│     3 │ 0.2500 │" in captured.get()


def test_names_are_shown_whole_with_their_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    name = "A frog [with] a name: " + 3 * "that goes on and on, "
    print_table(pd.DataFrame({"species": [name], "threshold": [np.nan]}), "[rates]")
    shown = capsys.readouterr().out
    assert name in shown
    assert "[rates]" in shown
    assert "nan" not in shown


def test_a_command_stays_in_one_line_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    command = f"rfcx-audio predict checkpoint='{'a/long [place]/' * 20}' recordings=…"
    print_line(f"next: {command}")
    assert capsys.readouterr().out == f"next: {command}\n"


def test_in_a_narrow_terminal_nothing_is_cut_off() -> None:
    console, table = Console(width=20), pd.DataFrame({"species": ["Nightingale-thrush"]})
    with console.capture() as captured:
        console.print(rich_table(table))
    lines = [line.strip("│ ") for line in captured.get().splitlines() if line.startswith("│")]
    assert "".join(lines) == "Nightingale-thrush"
