from __future__ import annotations

import numpy as np
import torch
from scipy.special import logit

from rfcx_audio.scores import Prevalence, draw_prevalence


def test_the_picture_has_a_point_a_species_that_is_estimated() -> None:
    found = Prevalence(
        *(torch.tensor(v) for v in ([0.3, np.nan, 0.9], [0.2, 0.0, 0.8], [0.4, 1.0, 1.0]))
    )
    (axes,) = draw_prevalence(
        found, torch.tensor([0.25, 0.1, 0.95]), "true prevalence", ["s0", "s1", "s2"]
    ).axes
    assert [text.get_text() for text in axes.texts] == ["s0", "s2"]
    points = axes.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(logit(points), logit([[0.25, 0.3], [0.95, 0.9]]), rtol=1e-6)
    assert axes.get_xlabel() == "true prevalence"
