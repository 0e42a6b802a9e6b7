from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from rfcx_audio.batch import CropLabels, Labels, Logits, unknown_labels
from rfcx_audio.loss import MaskedBCE
from rfcx_audio.model import FeatureDetector, LinearHead, Origin

ORIGIN = Origin("Bands", "ab" * 32, 4)


def detector() -> FeatureDetector:
    return FeatureDetector(ORIGIN, partial(LinearHead, num_species=3, dropout=0.0)).eval()


def test_features_are_standardised_before_the_head() -> None:
    model, features = detector(), 5 + 3 * torch.randn(2, 1, 4, 6)
    mean, deviation = torch.arange(4.0), torch.tensor([1.0, 2.0, 3.0, 4.0])
    model.standardise(mean, deviation)
    weight, bias = model.head.linear.weight, model.head.linear.bias
    for number in range(2):
        windows = [(features[number, 0, :, w] - mean) / deviation for w in range(6)]
        expected = weight @ (sum(windows) / 6) + bias
        torch.testing.assert_close(model(features).clip[number], expected)


def test_the_root_of_features_keeps_their_sign() -> None:
    head = partial(LinearHead, num_species=3, dropout=0.0)
    model = FeatureDetector(ORIGIN, head, power=0.5).eval()
    found = model.raised(torch.tensor([4.0, -9.0, 0.0]))
    torch.testing.assert_close(found, torch.tensor([2.0, -3.0, 0.0]))
    features = torch.tensor([4.0, -9.0, 0.0, 1.0])[None, None, :, None]
    roots = torch.tensor([2.0, -3.0, 0.0, 1.0])
    model.standardise(torch.ones(4), torch.full((4,), 2.0))
    torch.testing.assert_close(model(features).clip[0], model.head.linear((roots - 1) / 2))


def test_without_a_power_features_stay_as_they_are() -> None:
    features = torch.tensor([4.0, -9.0, 0.0])
    assert torch.equal(detector().raised(features), features)


@pytest.mark.parametrize("power", [0.0, -1.0, 1.5])
def test_a_power_out_of_its_range_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match=r"model\.power = .*above 0, and 1 at most"):
        FeatureDetector(ORIGIN, partial(LinearHead, num_species=3), power)


def test_moments_are_set_once_and_kept_in_the_weights() -> None:
    model = detector()
    model.standardise(torch.ones(4), torch.full((4,), 2.0))
    model.standardise(torch.zeros(4), torch.ones(4))
    other = detector()
    other.load_state_dict(model.state_dict())
    other.standardise(torch.zeros(4), torch.ones(4))
    assert torch.equal(other.mean, torch.ones(4))
    assert torch.equal(other.deviation, torch.full((4,), 2.0))


def test_a_feature_that_never_changes_becomes_zero() -> None:
    model = detector()
    model.standardise(torch.full((4,), 7.0), torch.tensor([0.0, 1.0, 1.0, 1.0]))
    features = torch.full((1, 1, 4, 1), 7.0)
    torch.testing.assert_close(model(features).clip[0], model.head.linear.bias)


def test_it_computes_in_float32_under_autocast() -> None:
    model, features = detector(), torch.randn(3, 1, 4, 2)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(features).clip
    assert torch.equal(found, model(features).clip)


def test_it_knows_the_encoder_without_holding_it() -> None:
    source = SimpleNamespace(num_features=4, sha256="cd" * 32)
    model = FeatureDetector(source, partial(LinearHead, num_species=3))
    assert model.encoder == Origin("SimpleNamespace", "cd" * 32, 4)
    assert set(model.state_dict()) == {
        *("mean", "deviation", "standardised", "head.linear.weight", "head.linear.bias")
    }


@pytest.mark.parametrize("shape", [(2, 1, 5, 1), (2, 3, 4, 1), (2, 4, 1)])
def test_other_features_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(batch, 1, 4, windows\)"):
        detector()(torch.zeros(shape))


def test_with_a_linear_head_it_is_logistic_regression_of_the_labelled_examples() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(3, 2, (200, 4)).astype(np.float32)
    target = (features[:, :3] + rng.normal(0, 2, (200, 3)) > 3).astype(np.float32)
    known = (rng.random((200, 3)) < 0.6).astype(np.float32)
    model, columns = detector(), torch.from_numpy(features)[:, None, :, None]
    model.standardise(columns.mean((0, 1, 3)), columns.std((0, 1, 3), correction=0))
    clip = Labels(torch.from_numpy(target), torch.from_numpy(known))
    labels: CropLabels = unknown_labels(200, 3)._replace(clip=clip)
    weight = model.head.linear.weight
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        logits: Logits = model(columns)
        cells = MaskedBCE()(logits, labels)
        value = (cells.value * cells.weight).sum() + 0.5 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(cost)
    standardised = (features - features.mean(0)) / features.std(0)
    for species in range(3):
        own = known[:, species] > 0
        fitted = LogisticRegression(C=1.0, tol=1e-8).fit(standardised[own], target[own, species])
        np.testing.assert_allclose(weight[species].detach(), fitted.coef_[0], atol=2e-3)
