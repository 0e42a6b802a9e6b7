"""What tests of the studies share: a study of one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from studied import study_of_one_run


@pytest.fixture(scope="session")
def studied(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study."""
    return study_of_one_run(forest, tmp_path_factory.mktemp("study"))
