from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.data.synthetic import Rainforest, prevalence
from rfcx_audio.data.synthetic.prevalence import COMMONEST_FIRST, LEAST, MOST, draw_presences


@settings(max_examples=50, deadline=None)
@given(st.floats(0.7, 20.0), st.floats(0.0, 3.0))
def test_a_recording_has_the_number_of_species_that_was_asked(species_per_recording, skew):
    shares = prevalence(species_per_recording, skew)
    assert shares.sum() == pytest.approx(species_per_recording, rel=1e-6)
    assert np.all((shares >= LEAST) & (shares <= MOST))
    assert np.all(np.diff(shares[list(COMMONEST_FIRST)]) <= 0)


def test_every_species_has_its_rank():
    assert sorted(COMMONEST_FIRST) == list(range(24))


def test_without_skew_all_species_are_equally_common():
    np.testing.assert_allclose(prevalence(3.0, 0.0), 3.0 / 24)


def test_the_default_is_as_skewed_as_the_real_test():
    recipe = Rainforest()
    shares = prevalence(recipe.species_per_recording, recipe.skew)[list(COMMONEST_FIRST)]
    np.testing.assert_allclose(shares[:4], [0.9, 0.42, 0.27, 0.2], atol=0.01)
    assert 0.02 < shares[-1] < 0.03


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 200))
def test_the_number_of_recordings_of_a_species_is_its_share_of_them(seed, num_recordings):
    shares = prevalence(3.0, 1.1)
    present = draw_presences(np.random.default_rng(seed), shares, num_recordings)
    assert present.shape == (num_recordings, 24)
    assert np.all(np.abs(present.sum(0) - shares * num_recordings) < 1)


def test_every_recording_is_equally_likely_and_species_are_independent():
    shares = prevalence(3.0, 1.1)
    drawn = [draw_presences(np.random.default_rng(seed), shares, 10) for seed in range(3000)]
    mean = np.mean(drawn, axis=0)
    np.testing.assert_allclose(mean, np.tile(shares, (10, 1)), atol=0.05)
    both = np.mean([d[:, 18] & d[:, 12] for d in drawn])
    assert both == pytest.approx(shares[18] * shares[12], abs=0.01)


def test_a_species_may_be_given_a_least_number_of_recordings():
    rng = np.random.default_rng(0)
    assert draw_presences(rng, np.full(24, 0.01), 100, at_least=3).sum(0).tolist() == [3] * 24
