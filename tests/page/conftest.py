from __future__ import annotations

from pathlib import Path

import pytest

from review_pages import write_review


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A review of 400 clips, which the tests of a browser share."""
    folder = tmp_path_factory.mktemp("reviewed")
    write_review(folder, clips=400)
    return folder
