"""A few rows of each species, to measure what a number of labels is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd


def few_rows(rows: pd.DataFrame, per_species: int, seed: int) -> pd.DataFrame:
    """At most so many TP rows of each species and as many of its FP rows, drawn at random.

    Each group of rows has one random order for a seed, of which the first are taken: the rows of a
    smaller number are among those of a larger one, and what is drawn of one species depends on no
    other. The order of `rows` does not matter.

    Args:
        rows: `recording_id`, `species_id`, `present`, `t_min`, `t_max`; TP and FP together.
        per_species: above 0; a species with fewer rows keeps all.
        seed: of the draw.

    Returns:
        The drawn rows, in the order of `rows`, numbered from 0.
    """
    ordered = rows.reset_index(drop=True)
    ordered = ordered.sort_values(["species_id", "recording_id", "t_min", "t_max"], kind="stable")
    drawn: list[int] = []
    for _, group in ordered.groupby(["species_id", "present"]):
        species, present = int(group["species_id"].iloc[0]), int(group["present"].iloc[0])
        # The generator takes no negative number, and -1 is the species of a silent recording.
        order = np.random.default_rng([seed, species + 1, present])
        drawn += order.permutation(group.index.to_numpy())[:per_species].tolist()
    return rows.iloc[sorted(drawn)].reset_index(drop=True)
