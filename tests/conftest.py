"""Fixtures for all tests: a small data set in the RFCX layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, write_rainforest

# On a busy machine an example may take long.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REAL_DATA = Path(__file__).parents[2] / "shared" / "data" / "rfcx"

SMALL_FOREST = {
    "num_train": 48,
    "num_test": 6,
    "duration_s": 12.0,
    "tp_per_species": 2,
    "fp_per_species": 2,
}
"""A rainforest that is generated in seconds."""


def forest_overrides(root: Path) -> list[str]:
    """Overrides that choose the small rainforest in `root`."""
    recipe = [f"data.source.recipe.{name}={value}" for name, value in SMALL_FOREST.items()]
    return [f"data.root={root}", "data.source.workers=1", *recipe]


@pytest.fixture(scope="session")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic rainforest on disk."""
    root = tmp_path_factory.mktemp("forest") / "synthetic"
    recipe = Rainforest(**SMALL_FOREST)
    write_rainforest(root, recipe, rfcx_templates(), workers=1, progress=False)
    return root


@pytest.fixture
def noise_file(tmp_path: Path) -> Path:
    """Two seconds of stereo noise at 48 kHz, 16 bit; the channels differ."""
    path = tmp_path / "noise.flac"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (96_000, 2))
    soundfile.write(path, samples, 48_000, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real RFCX tables and recordings, if they are beside the checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real RFCX data is not beside this checkout")
    return REAL_DATA
