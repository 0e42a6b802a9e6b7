"""Every test with the mark `promise(part, words)` adds a line to the ledger, see `ledger.py`."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from rfcx_audio.config import build, config_text, load_config
from rfcx_audio.scoring import CONFIG_KEY
from trust.ledger import PLACE, Tally, write_line

_TALLY = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marks."""
    config.addinivalue_line("markers", "promise(part, words): counted in docs/reliability.md")
    config.addinivalue_line("markers", "trust: takes minutes; runs in `make trust` only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the long tests outside of `make trust`."""
    here = Path(__file__).parent
    if PLACE in os.environ:
        return
    long = [i for i in items if here in i.path.parents and i.get_closest_marker("trust")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint without training: a tiny network for windows of 3 s."""
    folder = tmp_path_factory.mktemp("checkpoint")
    words = [f"paths.output_dir={folder}", "data.crop_duration_s=3.0"]
    config = load_config("train", words)
    torch.manual_seed(0)
    weights = build(config.method).state_dict()
    content = {"state_dict": weights, CONFIG_KEY: config_text(config)}
    torch.save(content, folder / "last.ckpt")
    return folder / "last.ckpt"


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Counts the cases of the test; without it, a test is one case."""
    return request.node.stash.setdefault(_TALLY, Tally())


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fails a test that lost a case."""
    result = yield
    if _TALLY in pyfuncitem.stash:
        pyfuncitem.stash[_TALLY].settle()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Writes the ledger line of a test with a promise."""
    report = yield
    marker = item.get_closest_marker("promise")
    if marker is None or report.when == "teardown" or (report.when == "setup" and report.passed):
        return report
    if report.skipped and not hasattr(report, "wasxfail"):
        return report
    tally = item.stash.get(_TALLY, Tally())
    broke = not report.passed and not tally.lost
    note = getattr(report, "wasxfail", "")
    write_line(*marker.args, max(1, tally.tried), len(tally.lost) + broke, note)
    return report
