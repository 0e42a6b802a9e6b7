"""The boxes of RFCX's template matcher: one band and one duration each."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd


def rfcx_templates() -> pd.DataFrame:
    """The 37 templates of the RFCX tables.

    Only valid for RFCX's 24 species; do not use them for other species numbered 0 to 23.

    Returns:
        Columns species_id, songtype_id, f_min and f_max (Hz), duration_s, and the number of
        confirmed (`n_tp`) and refuted (`n_fp`) rows that each one has in the real tables.
    """
    file = files("rfcx_audio.data").joinpath("rfcx_templates.csv")
    with file.open(encoding="utf-8") as table:
        return pd.read_csv(table)
