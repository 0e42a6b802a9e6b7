from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.recipe import peak_mb
from conftest import forest_overrides

GB_ALLOWED = 8


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_memory_of_the_best_recipe_grows_as_its_batch(forest: Path, tmp_path: Path) -> None:
    words = [*forest_overrides(forest), f"paths.data_dir={tmp_path}", "data.num_workers=0"]
    eight, sixteen, thirty_two = (peak_mb(words, size) for size in (8, 16, 32))
    assert thirty_two < 1000 * GB_ALLOWED
    # Linear: what sixteen more crops take is twice what eight more take; libraries choose other
    # algorithms, and with them workspaces, at other sizes.
    assert thirty_two - sixteen == pytest.approx(2 * (sixteen - eight), rel=0.15)
