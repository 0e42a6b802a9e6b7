from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from rfcx_audio.events import draw_calls_by_hour
from rfcx_audio.events.clock import SUMMARY_COLUMNS
from rfcx_audio.whole_files import save_picture


def summary(*rows: tuple[str, str, str, str, int, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS[:-1]))
    return table.assign(events_per_recorded_hour=table["events"] / table["recorded_minutes"] * 60)


def cells(figure: Figure, panel: int) -> np.ma.MaskedArray:
    (mesh,) = (one for one in figure.axes[panel].collections if isinstance(one, QuadMesh))
    return mesh.get_array()


def test_a_cell_is_a_share_of_the_highest_rate_and_blank_without_recordings(
    tmp_path: Path,
) -> None:
    table = summary(
        ("pond", "2021-06-14", "05", "Owl", 6, 30.0),
        ("pond", "2021-06-15", "05", "Owl", 0, 30.0),  # 6 in one hour
        ("pond", "2021-06-14", "06", "Owl", 0, 60.0),
        ("ridge", "2021-06-14", "05", "Owl", 6, 30.0),  # 12 in one hour
        ("pond", "2021-06-14", "05", "Frog", 0, 30.0),
        ("pond", "2021-06-15", "05", "Frog", 1, 30.0),
        ("pond", "2021-06-14", "06", "Frog", 4, 60.0),
        ("ridge", "2021-06-14", "05", "Frog", 0, 30.0),
        ("ridge", "", "", "Frog", 9, 60.0),  # at an unknown time
    )
    figure = draw_calls_by_hour(table, "time zone UTC")
    save_picture(figure, tmp_path / "calls_by_hour.png")
    pond, ridge = cells(figure, 0), cells(figure, 1)
    assert pond.shape == ridge.shape == (2, 24)
    assert pond[:, 5].tolist() == [0.5, 0.25]  # the species with more events is above
    assert pond[:, 6].tolist() == [0.0, 1.0]
    assert ridge[:, 5].tolist() == [1.0, 0.0]
    assert (~pond.mask).sum() == 4
    assert (~ridge.mask).sum() == 2
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["Owl (12)", "Frog (5)"]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["pond", "ridge"]
    assert figure.get_suptitle() == "Events per recorded hour by hour of the day (time zone UTC)"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["no recordings"]


def test_the_title_counts_what_is_not_drawn() -> None:
    rows = [
        (f"site {site}", "2021-06-14", "05", f"species {number}", number + 1, 10.0 * (site + 1))
        for site in range(6)
        for number in range(40)
    ]
    figure = draw_calls_by_hour(summary(*rows), "local time, zone unknown")
    title = figure.get_suptitle().splitlines()[1]
    assert title == "30 of 40 species, 4 of 6 sites shown; all are in by_site.csv"
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles == [f"site {number}" for number in (2, 3, 4, 5)]  # with the most minutes
    assert figure.axes[0].get_yticklabels()[0].get_text() == "species 39 (240)"
