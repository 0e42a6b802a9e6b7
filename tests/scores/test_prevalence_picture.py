from __future__ import annotations

import numpy as np
import torch
from scipy.special import logit

from rfcx_audio.scores import Prevalence, draw_prevalence


def test_the_picture_has_a_point_a_species_that_is_estimated() -> None:
    found = Prevalence(
        *(torch.tensor(v) for v in ([0.3, np.nan, 0.9], [0.2, 0.0, 0.8], [0.4, 1.0, 1.0]))
    )
    names = ["Owl", "Fen rail: song", "s2"]
    truth = torch.tensor([0.25, 0.1, 0.95])
    (axes,) = draw_prevalence(found, truth, "true prevalence", names).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["Owl", "s2"]  # from below
    estimates, true = (line.get_xdata() for line in (axes.containers[0].lines[0], axes.lines[-1]))
    np.testing.assert_allclose(logit(estimates), logit([0.3, 0.9]), rtol=1e-6)
    np.testing.assert_allclose(logit(true), logit([0.25, 0.95]), rtol=1e-6)
    assert axes.get_legend_handles_labels()[1] == ["true prevalence", "estimate, 90% interval"]
    assert axes.get_title() == "2 of 3 species"


def test_of_many_species_the_most_frequent_are_drawn() -> None:
    shares = torch.linspace(0.1, 0.9, 300)
    found = Prevalence(shares, shares - 0.05, shares + 0.05)
    names = [f"species {number}" for number in range(300)]
    (axes,) = draw_prevalence(found, shares, "true prevalence", names).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == names[-60:]
