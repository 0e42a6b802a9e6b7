from __future__ import annotations

import json
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from rfcx_audio.callbacks import Seconds


def test_training_and_testing_are_counted_apart_by_the_clock_and_by_the_processor(
    tmp_path: Path,
) -> None:
    trainer: Any = None
    module: Any = None
    seconds = Seconds(str(tmp_path / "run"))
    seconds.on_fit_start(trainer, module)
    sleep(0.3)  # takes no processor
    seconds.on_fit_end(trainer, module)
    seconds.on_test_start(trainer, module)
    seconds.on_test_end(trainer, module)
    found = json.loads((tmp_path / "run" / "seconds.json").read_text())
    assert found["fit_s"] >= 0.3
    assert found["fit_core_s"] < 0.2
    assert found["test_s"] < 0.2
    assert found["test_core_s"] == pytest.approx(0, abs=0.2)
