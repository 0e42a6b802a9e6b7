from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("gathering.py")


def gathering():
    spec = importlib.util.spec_from_file_location("gathering", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_two_processes_with_uneven_shares_give_what_one_process_gives(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    here = gathering()
    alone = here.metrics()
    for batch in zip(*(table.split(4) for table in here.tables()), strict=True):
        for metric in alone.values():
            metric.update(*batch)
    expected = here.results(alone)
    for rank in range(2):
        for shares in torch.load(tmp_path / f"{rank}.pt"):
            for name, value in expected.items():
                torch.testing.assert_close(shares[name], value, rtol=1e-12, atol=0)
