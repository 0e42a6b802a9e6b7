from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.experiment import (
    BASE,
    Entry,
    Level,
    by_level,
    collect,
    entries_by_level,
    jobs_of,
    read_levels,
    write_curves,
)

FACTORS = {
    "snr": {"says": "SNR in dB", "levels": {"low": ["snr=1"], "usual": [], "high": ["snr=9"]}},
    "rows": {"says": "rows a species", "levels": {7: ["rows=7"], 14: []}},
}
ENTRIES = [Entry("naive", "absent", ("loss=bce",)), Entry("best", "best", ("loss=best",))]


def test_every_entry_is_run_at_every_level_and_the_base_once() -> None:
    levels = read_levels(FACTORS)
    assert levels[0] == Level("SNR in dB", "low", "snr_0", ("snr=1",))
    assert [level.place for level in levels] == ["snr_0", BASE, "snr_2", "rows_0", BASE]
    entries = entries_by_level(ENTRIES, levels)
    names = [one.name for one in entries]
    assert names[:4] == ["naive@base", "best@base", "naive@snr_0", "best@snr_0"]
    assert len(names) == len(set(names)) == 8
    assert entries[3].words == ("loss=best", "snr=1")
    assert entries[0].words == ("loss=bce",)


@pytest.fixture
def jobs(tmp_path: Path) -> list:
    """Two seeds; naive falls with the level, best does not; its last run is not finished."""
    made = jobs_of(entries_by_level(ENTRIES, read_levels(FACTORS)), [0, 1], tmp_path)
    for job in made[:-1]:
        job.folder.mkdir(parents=True)
        entry, place = job.entry.name.split("@")
        value = 0.9 if entry == "best" else {"snr_0": 0.3, BASE: 0.5}.get(place, 0.7)
        names = ("lwlrap", "lwlrap_shuffled", "auc", "average_precision")
        metrics = {f"test/{name}": value + 0.1 * job.seed for name in names}
        (job.folder / "metrics.json").write_text(json.dumps(metrics))
        (job.folder / "config.yaml").write_text(
            "data: {crops: {crops_per_epoch: 8}}\ntrainer: {max_epochs: 1}\n"
        )
        species = pd.DataFrame({"species": [0], "auc": [0.5], "average_precision": [0.5]})
        species.to_csv(job.folder / "test_species.csv", index=False)
    return made


def test_means_by_level_have_the_base_in_every_factor(jobs: list) -> None:
    table = by_level(collect(jobs)[0], read_levels(FACTORS)).set_index(["factor", "at", "entry"])
    naive = table.xs("naive", level="entry")["lwlrap"]
    assert naive.to_list() == pytest.approx([0.35, 0.55, 0.75, 0.75, 0.55])
    assert table.loc[("SNR in dB", "usual", "best"), "auc_sd"] == pytest.approx(0.0707, abs=1e-4)
    assert table.loc[("rows a species", "7", "best"), "seeds"] == 1


def test_the_page_has_a_table_for_each_factor_and_says_what_is_missing(
    jobs: list, tmp_path: Path
) -> None:
    told = {"page": "curves", "title": "Where", "introduction": "Of it.", "says": "It holds."}
    page = write_curves(jobs, read_levels(FACTORS), told, tmp_path / "docs").read_text()
    assert page.startswith("# Where\n")
    assert "**1 of 16 runs are not finished yet.**" in page
    assert "It holds." in page
    assert "| low | 0.350 ± 0.071 | 0.950 ± 0.071 | 0.350 ± 0.071 | 0.950 ± 0.071 | 2 |" in page
    assert "| 7 | 0.750 ± 0.071 | 0.900 | 0.750 ± 0.071 | 0.900 | 1 to 2 |" in page
    assert page.count("`best@snr_2`") == 1
    assert (tmp_path / "docs" / "curves.png").stat().st_size > 10_000
    assert len(pd.read_csv(tmp_path / "docs" / "curves.csv")) == 15


def test_nothing_finished_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run of the study is finished"):
        write_curves([], [], {"page": "x"}, tmp_path)
