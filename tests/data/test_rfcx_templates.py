from __future__ import annotations

from rfcx_audio.data import rfcx_templates


def test_the_figures_are_those_of_the_real_tables() -> None:
    table = rfcx_templates()
    assert list(table) == [
        *("species_id", "songtype_id", "f_min", "f_max", "duration_s", "n_tp", "n_fp")
    ]
    assert len(table) == 37
    assert (table.n_tp.sum(), table.n_fp.sum()) == (1216, 7781)
    assert (table.f_min.min(), table.f_max.max()) == (93.75, 13687.5)
