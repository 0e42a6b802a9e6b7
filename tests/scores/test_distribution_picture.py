from __future__ import annotations

import numpy as np
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.scores import Scores, draw_distributions


def test_the_species_with_the_most_presences_are_drawn_with_their_counts() -> None:
    rng = np.random.default_rng(0)
    scores = Scores.of_windows("a", np.arange(20) * 3.0, 3.0, rng.random((20, 30)))
    target = (torch.arange(20)[:, None] < torch.arange(30)[None]).float()
    known = torch.ones(20, 30)
    known[:, 29], known[5:, 28] = 0, 0
    figure = draw_distributions(scores, Labels(target, known), np.full(30, 0.5))
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title() for axes in drawn]
    assert len(titles) == 24
    assert titles[0] == "s20\n20 / 0 / 0"
    assert "s28\n5 / 0 / 15" in titles
    assert not any(title.startswith(("s0\n", "s29\n")) for title in titles)
    words = figure.get_suptitle()
    assert "24 of 30 species" in words
    shares = [patch.get_data().values for patch in drawn[0].patches]
    np.testing.assert_allclose(shares[0].sum(), 1)
    few = draw_distributions(scores, Labels(target, known * 0))
    assert [text.get_text() for text in few.legends[0].get_texts()][:2] == ["present", "absent"]
