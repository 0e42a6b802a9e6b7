"""The usual boxes of species, taken from the rows of a user's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage

TEMPLATE_COLUMNS = ("species_id", "songtype_id", "group", "f_min", "f_max", "duration_s")
"""Of a table of templates; `group` numbers those of one song."""

_KNEE_HZ = 700.0  # below it the ear and the mel scale are linear, above logarithmic
_DURATION_WEIGHT = 0.25  # durations may differ by four times as many octaves as edges
_CLUSTERED = 2000  # rows of a song that are compared with each other, evenly spaced ones of more


def row_templates(
    rows: pd.DataFrame, quantile: float = 0.05, spread_octaves: float = 1.0, min_share: float = 0.1
) -> pd.DataFrame:
    """One box for each group of similar rows of a (species, song).

    The rows of one species can lie in several bands, and a few of them anywhere: the union of all
    boxes would be the whole spectrum. Rows are put in groups in which no two lower or upper edges
    differ by more than `spread_octaves` (complete linkage; octaves of f + 700 Hz); the box of a
    group reaches from a low quantile of its lower edges to a high one of its upper edges.

    Confirmed rows decide. A song without one takes its ruled-out rows, unless its species has
    confirmed rows of another song. Rows without frequencies have no part in it.

    >>> rows = pd.DataFrame({"f_min": [500.0, 520, 4000, 4100], "f_max": [900.0, 900, 6000, 6000]})
    >>> rows = rows.assign(species_id=0, songtype_id=1, present=True, t_min=0.0, t_max=1.0)
    >>> rfcx_audio.row_templates(rows)[["group", "f_min", "f_max"]].round().to_numpy().tolist()
    [[0.0, 501.0, 900.0], [1.0, 4005.0, 6000.0]]

    Args:
        rows: `species_id`, `songtype_id`, `present`, `t_min`, `t_max` (s), `f_min`, `f_max` (Hz);
            where a column `whole_band` is true, a row states no frequencies.
        quantile: in [0, 0.5), of the lower edges; 1 - `quantile` of upper edges and durations.
        spread_octaves: above 0.
        min_share: in [0, 0.5], of the rows of a song; smaller groups join the nearest one.

    Returns:
        The columns of `TEMPLATE_COLUMNS`, sorted; species without a usable row are missing.

    Raises:
        ValueError: a setting is out of its range.
    """
    if not (0 <= quantile < 0.5 and spread_octaves > 0 and 0 <= min_share <= 0.5):
        raise ValueError(
            f"quantile = {quantile} (expected 0 to below 0.5), spread_octaves = {spread_octaves} "
            f"(above 0), min_share = {min_share} (0 to 0.5)"
        )
    if "whole_band" in rows:
        rows = rows[~rows["whole_band"].astype(bool)]
    confirmed = rows[rows["present"]]
    others = rows[~rows["species_id"].isin(confirmed["species_id"])]
    found = []
    for (species, song), part in pd.concat([confirmed, others]).groupby(
        ["species_id", "songtype_id"]
    ):
        boxes = part[["f_min", "f_max"]].assign(duration_s=part["t_max"] - part["t_min"])
        group = _groups(boxes.to_numpy(dtype=float), spread_octaves, min_share)
        by_group = boxes.groupby(group)
        table = by_group.quantile(1 - quantile).assign(f_min=by_group["f_min"].quantile(quantile))
        table = table.sort_values("f_min").assign(group=range(len(table)))
        found.append(table.assign(species_id=int(str(species)), songtype_id=int(str(song))))
    if not found:
        return pd.DataFrame(columns=list(TEMPLATE_COLUMNS))
    return pd.concat(found)[list(TEMPLATE_COLUMNS)].reset_index(drop=True)


def with_every_species(
    templates: pd.DataFrame, num_species: int, f_min: float, f_max: float
) -> tuple[pd.DataFrame, list[int]]:
    """Templates with one of the whole band for each species that has none.

    Args:
        templates: as `row_templates` returns them.
        num_species: species are numbered from 0.
        f_min: Hz, of the front end.
        f_max: Hz, of the front end.

    Returns:
        The table, and the species that were added. Their duration is the longest of the others, or
        1 s without any.
    """
    missing = sorted(set(range(num_species)) - set(templates["species_id"]))
    if not missing:
        return templates, []
    longest = float(templates["duration_s"].max()) if len(templates) else 1.0
    added = pd.DataFrame({"species_id": missing, "songtype_id": 1, "group": 0})
    added = added.assign(f_min=f_min, f_max=f_max, duration_s=longest)
    both = pd.concat([templates, added]) if len(templates) else added
    order = ["species_id", "songtype_id", "group"]
    return both.sort_values(order, kind="stable", ignore_index=True), missing


def _groups(boxes: np.ndarray, spread_octaves: float, min_share: float) -> np.ndarray:
    """(rows, 3) lower edge, upper edge, duration -> (rows,) group of each row."""
    octaves = np.log2(boxes + np.array([_KNEE_HZ, _KNEE_HZ, 0.0]))
    octaves[:, 2] *= _DURATION_WEIGHT
    chosen = octaves
    if len(octaves) > _CLUSTERED:
        chosen = octaves[np.linspace(0, len(octaves) - 1, _CLUSTERED).astype(int)]
    if len(chosen) == 1:
        return np.zeros(len(boxes), dtype=int)
    tree = linkage(chosen, "complete", metric="chebyshev")
    label = fcluster(tree, spread_octaves, "distance") - 1
    large = np.flatnonzero(np.bincount(label) >= max(2, min_share * len(chosen)))
    if not len(large):
        return np.zeros(len(boxes), dtype=int)
    centres = np.stack([np.median(chosen[label == one], axis=0) for one in large])
    return np.abs(octaves[:, None] - centres).max(2).argmin(1)
