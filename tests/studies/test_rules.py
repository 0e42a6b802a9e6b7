from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from studies.rules import (
    compared,
    compared_at,
    costs,
    leaders,
    leads,
    reached_at,
    species_named,
    verdict,
)

NAMES = {"lwlrap": "LWLRAP", "auc": "macro AUC"}


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.2, 0.3, 0.1], "higher"),
        ([-0.2, -0.3, -0.1], "lower"),
        ([0.2, -0.1, 0.0], "tie"),
        ([0.0, 0.0], "tie"),
        ([0.1, 0.1], "higher"),  # however small, if every seed agrees
        ([0.9], "undecided"),
        ([], "undecided"),
    ],
)
def test_a_difference_within_the_spread_is_a_tie(differences: list[float], expected: str) -> None:
    assert verdict(pd.Series(differences, dtype=float)) == expected


def runs(**entries: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"entry": name, "seed": seed, "lwlrap": v, "auc": 1 - v, "average_precision": 0.5}
            for name, values in entries.items()
            for seed, v in enumerate(values)
        ]
    )


def test_entries_are_compared_seed_by_seed() -> None:
    table = runs(naive=[0.4, 0.5], between=[0.7, 0.8], alone=[0.9])
    answer = compared(table, "between", "naive")
    assert answer.startswith("*LWLRAP higher, macro AUC lower, macro AP tie*. ")
    assert "LWLRAP +0.300 ± 0.000 (2 of 2 seeds up)" in answer
    assert compared(table, "alone", "naive").startswith("*Undecided in all of LWLRAP, ")
    assert compared(table, "absent", "naive") == "not measured yet."


def table_of(means: dict[str, float], spreads: dict[str, float]) -> pd.DataFrame:
    table = pd.DataFrame({"lwlrap": means, "auc": means})
    table["lwlrap_sd"] = table["auc_sd"] = pd.Series(spreads)
    return table.assign(gap=[0.5, 0.75, 0.9, 1.0])


def test_the_first_is_named_with_those_that_tie_but_not_complete_labels() -> None:
    means = {"far": 0.5, "near": 0.77, "first": 0.8, "complete": 0.9}
    lines = leaders(table_of(means, {"far": 0.1, "near": 0.01, "first": 0.04, "complete": 0.0}))
    assert lines[0] == (
        "* Highest LWLRAP: `first`, 0.800 ± 0.040, 90% of the gap closed. Ties with it: `near`."
    )
    assert lines[1].startswith("* Highest macro AUC: `first`, 0.800 ± 0.040. Ties")
    one_seed = dict.fromkeys(means, np.nan)
    assert leaders(table_of(means, one_seed))[0].endswith("Ties with it: none.")


def test_the_species_that_gain_and_lose_most_are_named() -> None:
    gain = pd.Series([0.1, -0.2, 0.3], index=["s4", "Owl", "s6"])
    assert species_named(gain, 1) == " AP by species, most gained: s6 +0.30; most lost: Owl -0.20."
    # What gained is not among the lost, however few there are.
    assert species_named(gain).endswith("most gained: s6 +0.30, s4 +0.10; most lost: Owl -0.20.")
    assert species_named(gain[gain > 0]).endswith("most gained: s6 +0.30, s4 +0.10.")
    assert species_named(gain.iloc[:0]) == ""


def levels(seeds: int) -> pd.DataFrame:
    values = {("base", "a"): 0.8, ("base", "b"): 0.5, ("few", "a"): 0.4, ("few", "b"): 0.6}
    return pd.DataFrame(
        [
            {"factor": "rows", "at": place, "place": place, "entry": entry, "seeds": seeds}
            | {"lwlrap": value, "auc": value / 2}
            for (place, entry), value in values.items()
        ]
    )


def test_the_best_entry_is_named_with_its_data_sets_and_lead() -> None:
    lines = leads(levels(1), NAMES)
    assert (
        lines[0] == "* Highest LWLRAP: `a` with 1 of 2 data sets, by 0.30 to 0.30 before the next."
    )
    assert (
        lines[1] == "* Highest LWLRAP: `b` with 1 of 2 data sets, by 0.20 to 0.20 before the next."
    )
    assert len(lines) == 4


def test_levels_are_compared_with_the_base_for_the_entry_that_is_first_there() -> None:
    lines = costs(levels(1), NAMES, "base")
    assert "`a` elsewhere, against the base" in lines[0]
    assert lines[1] == "  * rows, few: -0.40 LWLRAP, -0.20 macro AUC"
    assert lines[2].startswith("* One seed of each")
    assert len(costs(levels(2), NAMES, "base")) == 2


def test_a_difference_at_a_level_has_its_verdict_and_is_empty_without_both_runs() -> None:
    table = runs(naive=[0.4, 0.5], good=[0.7, 0.9], alone=[0.9])
    assert compared_at(table, "lwlrap", "good", "naive") == "higher, +0.350 ± 0.071"
    assert compared_at(table, "auc", "good", "naive") == "lower, -0.350 ± 0.071"
    assert compared_at(table, "lwlrap", "alone", "naive") == "undecided, +0.500"
    assert compared_at(table, "lwlrap", "good", "absent") == ""


def test_the_first_level_with_as_good_a_mean_is_found() -> None:
    means = {"few": [0.3, 0.5, 0.7], "plain": [0.2, 0.5, 0.71]}
    table = pd.DataFrame(
        [
            {"at": at, "entry": entry, "average_precision": value}
            for entry, values in means.items()
            for at, value in zip(("1", "3", "10"), values, strict=True)
        ]
    )
    found = reached_at(table, "average_precision", "few", "plain")
    assert found == {"1": "1", "3": "3", "10": "none"}
    later = table[~((table["entry"] == "plain") & (table["at"] == "1"))]
    assert reached_at(later, "average_precision", "few", "plain") == {"3": "3", "10": "none"}
    assert reached_at(table, "average_precision", "few", "absent") == {}


def test_a_level_of_one_entry_has_no_lead() -> None:
    table = pd.DataFrame(
        [
            {"place": "a", "entry": "one", "lwlrap": 0.6},
            {"place": "b", "entry": "one", "lwlrap": 0.5},
            {"place": "b", "entry": "two", "lwlrap": 0.3},
        ]
    )
    (line,) = leads(table, {"lwlrap": "LWLRAP"})
    assert line == (
        "* Highest LWLRAP: `one` with 1 of 1 data sets, by 0.20 to 0.20 before the next."
    )
    assert leads(table[table["entry"] == "one"], {"lwlrap": "LWLRAP"}) == []
