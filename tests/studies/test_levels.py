from __future__ import annotations

from studies.jobs import Entry
from studies.levels import BASE, Level, entries_by_level, read_levels

FACTORS = {
    "snr": {"what": "SNR in dB", "levels": {"low": ["snr=1"], "usual": [], "high": ["snr=9"]}},
    "rows": {"what": "rows a species", "levels": {7: ["rows=7"], 14: []}},
}


def test_every_entry_is_run_at_every_level_and_the_base_once() -> None:
    levels = read_levels(FACTORS)
    assert levels[0] == Level("SNR in dB", "low", "snr_0", ("snr=1",))
    assert [level.place for level in levels] == ["snr_0", BASE, "snr_2", "rows_0", BASE]
    entries = [Entry("naive", "absent", ("loss=bce",)), Entry("best", "best", ("loss=best",))]
    crossed = entries_by_level(entries, levels)
    names = [one.name for one in crossed]
    assert names[:4] == ["naive@base", "best@base", "naive@snr_0", "best@snr_0"]
    assert len(names) == len(set(names)) == 8
    assert crossed[3].overrides == ("loss=best", "snr=1")
    assert crossed[0].overrides == ("loss=bce",)


def test_levels_share_the_overrides_of_their_factor_and_entries_know_its_name() -> None:
    factors = {
        "forest": {"what": "rows, forest", "common": ["root=a"], "levels": {1: ["n=1"], 3: []}},
        "own": {"what": "rows, own", "levels": {1: ["n=1"]}},
    }
    levels = read_levels(factors)
    assert [level.overrides for level in levels] == [("root=a", "n=1"), ("root=a",), ("n=1",)]
    assert [level.place for level in levels] == ["forest_0", "forest_1", "own_0"]
    crossed = entries_by_level([Entry("a", "A", ("store=x/{factor}",))], levels)
    assert [one.overrides[0] for one in crossed] == ["store=x/forest"] * 2 + ["store=x/own"]
