from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Plan, Rainforest, plan_rainforest, write_rainforest

SMALL = Rainforest(
    seed=3, num_train=30, num_test=6, duration_s=10.0, tp_per_species=1, fp_per_species=2
)


@pytest.fixture(scope="session")
def default_plan() -> Plan:
    return plan_rainforest(Rainforest(), rfcx_templates())


@pytest.fixture(scope="session")
def small_recipe() -> Rainforest:
    return SMALL


@pytest.fixture(scope="session")
def small_forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "forest"
    write_rainforest(root, SMALL, rfcx_templates(), workers=1, progress=False)
    return root
