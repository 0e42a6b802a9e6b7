from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb

from rfcx_audio.colours import COLOURS, MARKERS

# Viénot, Brettel and Mollon (1999), as linear maps of linear RGB: without red, without green.
PROTAN = [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
DEUTAN = [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]


def test_colours_differ_for_any_colour_vision() -> None:
    linear = np.array([to_rgb(colour) for colour in COLOURS]) ** 2.2
    for matrix in (np.eye(3), PROTAN, DEUTAN):
        seen = np.clip(linear @ np.transpose(matrix), 0, 1) ** (1 / 2.2)
        distances = [np.linalg.norm(one - other) for one, other in combinations(seen, 2)]
        assert min(distances) > 0.1


def test_there_is_a_marker_for_each_colour() -> None:
    assert len(set(MARKERS)) == len(set(COLOURS)) == len(MARKERS)
