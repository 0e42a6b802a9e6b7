from __future__ import annotations

import json
from pathlib import Path

from rfcx_audio.callbacks import compare_runs


def test_runs_are_compared_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (0, 2, 10):
        run = tmp_path / str(number)
        (run / ".hydra").mkdir(parents=True)
        (run / ".hydra" / "overrides.yaml").write_text(f"- loss=bce\n- seed={number}\n")
        if number != 2:
            (run / "metrics.json").write_text(json.dumps({"test/lwlrap": number / 10}))
    table = compare_runs(tmp_path)
    assert table["run"].to_list() == ["0", "2", "10"]
    assert table["overrides"].to_list()[2] == "loss=bce seed=10"
    assert table["failed"].to_list()[1]
    assert table["test/lwlrap"].to_list()[2] == 1.0
