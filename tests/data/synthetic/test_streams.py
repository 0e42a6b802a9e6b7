from __future__ import annotations

import numpy as np

from rfcx_audio.data.synthetic.streams import generator


def test_a_stream_depends_on_seed_purpose_and_index_only() -> None:
    def drawn(seed: int, purpose: str, *index: int) -> np.ndarray:
        return generator(seed, purpose, *index).random(4)

    assert np.array_equal(drawn(0, "scene", 1), drawn(0, "scene", 1))
    for other in ((1, "scene", 1), (0, "noise", 1), (0, "scene", 2), (0, "scene")):
        assert not np.array_equal(drawn(0, "scene", 1), drawn(*other))
