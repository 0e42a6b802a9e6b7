from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from rfcx_audio.batch import Labels
from rfcx_audio.scores import (
    Calibration,
    Goal,
    Scores,
    SpeciesFit,
    cross_fitted,
    fit_calibration,
    known_log_loss,
    platt_curve,
    prior_correction,
    thresholds,
)
from rfcx_audio.scores.calibrate import Method
from rfcx_audio.scores.curves import PlattCurve
from simulated import of_recordings, simulated

METHODS = ["platt", "isotonic"]


@pytest.mark.parametrize("method", METHODS)
def test_a_known_distortion_is_undone(method: Method) -> None:
    slopes, intercepts = [0.4, 1.0, 2.0], [1.0, 0.0, -2.0]
    scores, labels = simulated(20_000, slopes, intercepts)
    calibration = fit_calibration(scores, labels, method)
    fresh, _ = simulated(2000, slopes, intercepts, seed=9)
    true = expit(slopes * logit(fresh.numpy()) + np.array(intercepts))
    error = np.abs(calibration(fresh).numpy() - true).mean(0)
    assert (error < (0.01 if method == "platt" else 0.03)).all()
    untouched = np.abs(fresh.numpy() - true).mean(0)
    assert (untouched[[0, 2]] > 0.1).all()


@pytest.mark.parametrize("method", METHODS)
def test_curves_never_decrease_even_for_scores_that_mislead(method: Method) -> None:
    scores, labels = simulated(400, [-1.0, 1.0], [0.0, 0.0])
    calibration = fit_calibration(scores, labels, method)
    grid = torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None].expand(-1, 2)
    values = calibration(grid)
    assert (values.diff(dim=0) >= -1e-12).all()
    assert 0 < values.min() <= values.max() < 1


def test_a_separated_species_stays_finite() -> None:
    scores = torch.tensor([[0.0], [0.1], [0.9], [1.0]] * 20)
    labels = Labels((scores > 0.5).float(), torch.ones_like(scores))
    slope, intercept = fit_calibration(scores, labels, min_cells=1).species[0].curve
    assert np.isfinite(slope)
    assert np.isfinite(intercept)


@pytest.mark.parametrize("method", METHODS)
def test_unknown_cells_have_no_influence(method: Method) -> None:
    scores, labels = simulated(600, [0.5, 1.5], [0.0, -1.0], known=0.3)
    hidden = labels.known == 0
    other = torch.where(hidden, torch.nan, scores)
    flipped = Labels(torch.where(hidden, 1 - labels.target, labels.target), labels.known)
    assert fit_calibration(scores, labels, method) == fit_calibration(other, flipped, method)
    recordings = [f"r{n % 40}" for n in range(600)]
    goal = Goal("precision", 0.7)
    tables = [
        thresholds(
            of_recordings(cells[0], recordings),
            cells[1],
            goal,
            torch.Generator().manual_seed(0),
            20,
        )
        for cells in ((scores, labels), (other, flipped))
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize("method", METHODS)
def test_a_cell_with_weight_two_equals_two_cells(method: Method) -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0])
    again = torch.arange(300) % 3 == 0
    doubled = Labels(
        torch.cat([labels.target, labels.target[again]]), torch.ones(400, 2, dtype=torch.float64)
    )
    weighted = Labels(labels.target, 1.0 + again[:, None].double().expand(-1, 2))
    one = fit_calibration(torch.cat([scores, scores[again]]), doubled, method)
    other = fit_calibration(scores, weighted, method)
    torch.testing.assert_close(one(scores), other(scores), atol=1e-6, rtol=0)


def test_few_cells_take_the_fit_of_all_species() -> None:
    scores, labels = simulated(1000, [0.5, 1.5, 1.0, 1.0], [0.0, -1.0, 0.0, 0.0])
    known = labels.known.clone()
    present = labels.target[:, 2] > 0
    known[present.nonzero()[10:, 0], 2] = 0  # 10 known presences
    known[:, 3] = 0
    labels = Labels(labels.target, known)
    fits = fit_calibration(scores, labels, min_cells=10).species
    values = known.numpy() > 0
    pooled = platt_curve(
        scores.numpy()[values], labels.target.numpy()[values] > 0, np.ones(values.sum())
    )
    assert fits[2].curve == fits[3].curve == pooled
    assert fits[2].own_share == fits[3].own_share == 0
    own = platt_curve(scores.numpy()[:, 0], labels.target.numpy()[:, 0] > 0, np.ones(1000))
    share = 1 - 10 / min(fits[0].present, fits[0].absent)
    assert fits[0].own_share == pytest.approx(share)
    expected = share * np.array(own) + (1 - share) * np.array(pooled)
    np.testing.assert_allclose(fits[0].curve, expected, rtol=1e-12)


def test_the_prevalence_is_the_share_of_presences_shrunk_to_that_of_all() -> None:
    known = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
    labels = Labels(torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]), known)
    found = fit_calibration(torch.rand(3, 2), labels, min_cells=2).prevalence
    share = 1 / 3.5
    assert found.tolist() == pytest.approx([(1 + 2 * share) / 4.5, 2 * share / 3])


@pytest.mark.parametrize("method", METHODS)
def test_a_calibration_survives_json(method: Method) -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0], known=0.5)
    calibration = fit_calibration(scores, labels, method, min_cells=5)
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False)))
    assert again == calibration
    assert torch.equal(again(scores), calibration(scores))


def test_an_invalid_calibration_is_refused() -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0])
    with pytest.raises(ValueError, match="not a calibration"):
        Calibration.from_dict({"method": "beta"})
    described = fit_calibration(scores, labels).to_dict()
    described["species"][1]["curve"]["slope"] = -1.0
    with pytest.raises(ValueError, match=r"species \[1\]"):
        Calibration.from_dict(described)
    described = fit_calibration(scores, labels, "isotonic").to_dict()
    described["species"][0]["curve"]["probabilities"][-1] = 0.0
    with pytest.raises(ValueError, match=r"species \[0\]"):
        Calibration.from_dict(described)
    described["species"][0]["curve"]["probabilities"].pop()
    with pytest.raises(ValueError, match="not a calibration"):
        Calibration.from_dict(described)


def test_data_that_define_no_calibration_are_refused() -> None:
    scores, labels = simulated(30, [1.0, 1.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="0 present and 60 absent cells"):
        fit_calibration(scores, Labels(torch.zeros(30, 2), torch.ones(30, 2)))
    with pytest.raises(ValueError, match="apply a sigmoid"):
        fit_calibration(scores * 3, labels)
    with pytest.raises(ValueError, match="min_cells = 0"):
        fit_calibration(scores, labels, min_cells=0)
    with pytest.raises(ValueError, match="choose platt or isotonic"):
        fit_calibration(scores, labels, "beta")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"\(30, 1\), expected \(rows, 2\)"):
        fit_calibration(scores, labels)(scores[:, :1])


def test_no_recording_is_calibrated_with_its_own_labels() -> None:
    scores, labels = simulated(400, [0.5, 1.5], [0.0, -1.0])
    recordings = [f"r{n // 4}" for n in range(400)]

    windows = of_recordings(scores, recordings)

    def fitted(target: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        return cross_fitted(windows, Labels(target, labels.known), generator)

    once = fitted(labels.target)
    assert torch.equal(fitted(labels.target), once)
    turned = labels.target.clone()
    turned[40:44] = 1 - turned[40:44]
    again = fitted(turned)
    assert torch.equal(again[40:44], once[40:44])
    assert (again != once).any(1).sum() == 400 - 80  # all but its fold of 20 recordings
    with pytest.raises(ValueError, match="num_folds = 1; expected at least 2"):
        cross_fitted(windows, labels, torch.Generator(), num_folds=1)


def test_with_fewer_recordings_than_folds_each_is_calibrated_by_all_others() -> None:
    scores, labels = simulated(30, [0.5, 1.5], [0.0, -1.0])
    recordings = [f"r{n // 10}" for n in range(30)]
    windows = of_recordings(scores, recordings)
    found = cross_fitted(windows, labels, torch.Generator(), num_folds=5)
    for first in (0, 10, 20):
        own = torch.zeros(30, dtype=torch.bool)
        own[first : first + 10] = True
        others = fit_calibration(scores[~own], Labels(*(part[~own] for part in labels)))
        torch.testing.assert_close(found[own], others(windows.tensor[own]))


def test_a_fold_without_which_no_absence_is_known_has_no_cross_fitted_scores() -> None:
    target = torch.ones(12, 1)
    target[:4] = 0  # all absences are in one recording
    windows = of_recordings(
        torch.linspace(0.1, 0.9, 12)[:, None], ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    )
    found = cross_fitted(windows, Labels(target, torch.ones(12, 1)), torch.Generator())
    assert found[:4].isnan().all()
    assert not found[4:].isnan().any()


def test_cross_fitting_is_not_optimistic_on_random_labels() -> None:
    rng = np.random.default_rng(0)
    scores = torch.tensor(rng.random((300, 3)))
    labels = Labels(torch.tensor(rng.random((300, 3)) < 0.5).double(), torch.ones(300, 3))
    recordings = [str(n) for n in range(300)]
    generator = torch.Generator().manual_seed(0)
    windows = of_recordings(scores, recordings)
    fitted = cross_fitted(windows, labels, generator, "isotonic", min_cells=1)
    own = fit_calibration(scores, labels, "isotonic", min_cells=1)(scores)
    assert known_log_loss(own, labels) < np.log(2) < known_log_loss(fitted, labels)


def test_scores_keep_their_precision_and_certain_ones_their_order() -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0])
    calibration = fit_calibration(scores, labels)
    assert isinstance(calibration.species[0].curve, PlattCurve)
    values = calibration(torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]))
    assert values.dtype == torch.float32
    assert (values.diff(dim=0) > 0).all()


def test_a_calibration_follows_the_names_of_the_species() -> None:
    raw = Scores.of_windows("a", [0.0, 1.0], 1.0, [[0.2, 0.7], [0.4, 0.1]], species=["Owl", "Frog"])
    fits = [SpeciesFit(30.0, 30.0, 0.5, 0.5, PlattCurve(slope, 0.5)) for slope in (1.0, 3.0)]
    calibration = Calibration("platt", 20, tuple(fits), ("Owl", "Frog"))
    straight = calibration.apply(raw)
    turned = calibration.apply(raw.of_species(("Frog", "Owl")))
    np.testing.assert_array_equal(straight.values, turned.of_species(("Owl", "Frog")).values)
    only = calibration.apply(raw.of_species(("Frog",)))
    np.testing.assert_array_equal(only.values[:, 0], straight.values[:, 1])
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    assert Calibration.from_dict(turned.metadata["calibration"]).names == ("Frog", "Owl")
    other = Scores.of_windows("a", [0.0], 1.0, [[0.5]], species=["Wren"])
    with pytest.raises(ValueError, match="no species 'Wren'; it is of 'Owl', 'Frog'"):
        calibration.apply(other)
    with pytest.raises(ValueError, match="no species 'Wren'; they have 'Owl'"):
        raw.of_species(("Wren",))


def with_absences(absences: list[int], seed: int) -> tuple[torch.Tensor, Labels]:
    """150 known presences of each of four species, and so many known absences.

    Logits are normal around 1 and -1.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = 150 + max(absences)
    target = torch.zeros(rows, 4)
    target[:150] = 1
    logits = 2 * target - 1 + torch.randn(rows, 4, generator=generator)
    known = torch.ones(rows, 4)
    for species, count in enumerate(absences):
        known[150 + count :, species] = 0
    return logits.double().sigmoid(), Labels(target, known)


def test_twice_as_many_known_absences_of_a_species_do_not_lower_its_corrected_scores() -> None:
    scores, _ = with_absences([150] * 4, seed=100)
    prior = torch.tensor([0.3] * 4, dtype=torch.float64)
    shifts = []
    for seed in range(20):
        levels = []
        for absences in ([200, 200, 200, 200], [400, 200, 200, 200]):
            found = fit_calibration(*with_absences(absences, seed))
            calibrated = found(scores)
            corrected = prior_correction(calibrated, prior, found.prevalence)
            levels.append(torch.stack([calibrated, corrected]).logit().mean(1))  # (2, species)
        shifts.append(levels[1] - levels[0])
    calibrated, corrected = torch.stack(shifts).mean(0)
    assert calibrated[0] < -0.5  # of the labelled windows, fewer hold the species: by ln 2
    assert corrected.abs().max() < 0.1
