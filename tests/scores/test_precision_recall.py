from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from rfcx_audio.batch import Labels
from rfcx_audio.scores import Scores, precision_recall, taken_for


@pytest.fixture
def scored() -> tuple[Scores, Labels]:
    rng = np.random.default_rng(0)
    parts = [Scores.of_windows(f"r{n}", [0.0, 3.0], 6.0, rng.random((2, 3))) for n in range(40)]
    cells = torch.from_numpy(rng.random((2, 80, 3))).float()
    return Scores.concatenate(parts), Labels((cells[0] < 0.4).float(), (cells[1] < 0.6).float())


def wilson(k: int, n: int) -> tuple[float, float]:
    z, p = norm.ppf(0.975), k / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    middle = p + z**2 / (2 * n)
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


def test_counts_and_limits_equal_a_plain_loop(scored: tuple[Scores, Labels]) -> None:
    scores, labels = scored
    limits = np.array([0.3, 0.5, np.nan])
    table = precision_recall(scores, labels, limits)
    for species, line in enumerate(table.to_dict("records")):
        counts = dict.fromkeys(("found", "wrong", "missed", "unknown"), 0)
        for row in range(80):
            detected = scores.values[row, species] >= limits[species]
            if not labels.known[row, species]:
                counts["unknown"] += detected
            elif labels.target[row, species]:
                counts["found" if detected else "missed"] += 1
            else:
                counts["wrong"] += detected
        assert {name: line[name] for name in counts} == counts
        for name, other in (("precision", "wrong"), ("recall", "missed")):
            k, n = counts["found"], counts["found"] + counts[other]
            expected = (k / n, *wilson(k, n)) if n else (np.nan,) * 3
            got = [line[name], line[f"{name}_low"], line[f"{name}_high"]]
            assert got == pytest.approx(expected, nan_ok=True)
    assert table["threshold"].isna().to_list() == [False, False, True]


def test_no_precision_is_given_where_nothing_could_be_wrong() -> None:
    scores = Scores.of_windows("a", [0.0], 6.0, [[0.9, 0.9]])
    line = precision_recall(scores, Labels(torch.ones(1, 2), torch.ones(1, 2)), np.full(2, 0.5))
    assert line["found"].to_list() == [1, 1]
    assert line["precision"].isna().all()
    assert line["recall"].to_list() == [1, 1]


def test_confusions_count_known_absences_only(scored: tuple[Scores, Labels]) -> None:
    scores, labels = scored
    table = taken_for(scores, labels, np.full(3, 0.5)).set_index(["species", "taken_for"])
    known, present = labels.known.bool().numpy(), labels.target.bool().numpy()
    detected = scores.values >= 0.5
    for one in range(3):
        for other in range(3):
            there = known[:, one] & present[:, one]
            absent = there & known[:, other] & ~present[:, other]
            times = (absent & detected[:, other]).sum()
            key = (f"s{one}", f"s{other}")
            assert (key in table.index) == (times > 0)
            if times:
                line = table.loc[key]
                unknown = (there & ~known[:, other] & detected[:, other]).sum()
                assert (line["times"], line["of"], line["unknown"]) == (
                    times,
                    absent.sum(),
                    unknown,
                )
                assert line["share"] == times / absent.sum()
    assert table["times"].is_monotonic_decreasing
