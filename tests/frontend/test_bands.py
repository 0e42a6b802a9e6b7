from __future__ import annotations

import math

import pytest
import torch

from rfcx_audio.data import SpeciesClass
from rfcx_audio.frontend import LogMel, class_bands


def test_a_tone_in_a_class_lies_in_its_band() -> None:
    frontend = LogMel(48_000)
    classes = [SpeciesClass(0, 1, 900.0, 1300.0, 1.0), SpeciesClass(1, 1, 5000.0, 7000.0, 2.0)]
    bands = class_bands(frontend, classes)
    time = torch.arange(48_000) / 48_000
    for one, low, high in zip(classes, bands.low, bands.high, strict=True):
        for hz in (one.f_min, (one.f_min + one.f_max) / 2, one.f_max):
            loudest = frontend(torch.sin(2 * math.pi * hz * time)[None])[0, 0].mean(1).argmax()
            assert low <= loudest < high
    assert bands.frames.tolist() == [47, 94]  # of 21.3 ms
    assert bands.species.tolist() == [0, 1]


def test_a_class_outside_the_band_of_the_front_end_is_refused() -> None:
    deck = LogMel(48_000, f_min=125.0, f_max=3800.0, n_mels=64)
    with pytest.raises(ValueError, match="species 22, song 1 calls at 10687 to 13687 Hz"):
        class_bands(deck, [SpeciesClass(22, 1, 10_687.0, 13_687.0, 1.0)])
