from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from archives import write_checkpoint
from pond import RATE, write_pond
from rfcx_audio.commands import recipe_examples
from rfcx_audio.commands.recipe_examples import draw_held_out, draw_highest
from rfcx_audio.data import find_recordings
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import Recogniser, load_recogniser


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Recogniser:
    return load_recogniser(write_checkpoint(tmp_path_factory.mktemp("checkpoint")))


def test_the_recordings_with_most_confirmed_rows_are_drawn(
    recogniser: Recogniser, tmp_path: Path
) -> None:
    paths = find_recordings(write_pond(tmp_path, 5, 0) / "labelled", at_any_depth=True)
    counts = {"a/pond_00": 1, "b/pond_01": 3, "a/pond_02": 2, "b/pond_03": 2, "gone": 9}
    names = [name for name, count in counts.items() for _ in range(count)]
    box = {"species_id": 0, "present": True, "t_min": 1.0, "t_max": 2.0, "f_min": 100.0}
    rows = pd.DataFrame({"recording_id": names}).assign(**box, f_max=900.0)
    ruled_out = rows.assign(recording_id="a/pond_04", present=False)
    starts = np.arange(2) * 3.0
    parts = [Scores.of_windows(name, starts, 3.0, np.full((2, 2), 0.5)) for name in paths]
    drawn = draw_held_out(
        *(recogniser, Scores.concatenate(parts), pd.concat([rows, ruled_out]), paths), tmp_path
    )
    assert [path.name for path in drawn] == [f"held_out_{n}.png" for n in range(3)]
    assert all(path.stat().st_size > 1000 for path in drawn)


def test_the_highest_window_of_each_species_is_cut_out(
    recogniser: Recogniser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = find_recordings(write_pond(tmp_path, 2, 0) / "labelled", at_any_depth=True)
    one, other = sorted(paths)
    values = {one: [[0.1, 0.2], [0.7, 0.3]], other: [[0.2, 0.9], [0.3, 0.1]]}
    named = ("Frog", "Cricket [big]")
    parts = [Scores.of_windows(n, [0.0, 2.0], 2.0, v, {}, named) for n, v in values.items()]
    sounds: dict[str, Any] = {}

    def drawn(found: dict[str, np.ndarray], sample_rate: int) -> Figure:
        sounds.update(found)
        return Figure()

    monkeypatch.setattr(recipe_examples, "draw_sounds", drawn)
    draw_highest(recogniser, Scores.concatenate(parts), paths, tmp_path / "highest.png")
    assert list(sounds) == [
        f"Cricket [big]: 0.90\n{other}, 0.0 s",
        f"Frog: 0.70\n{one}, 2.0 s",
    ]
    expected = recogniser.reader.read(paths[one], 2.0, 2.0)
    np.testing.assert_array_equal(sounds[f"Frog: 0.70\n{one}, 2.0 s"], expected)
    assert len(expected) == 2 * recogniser.reader.sample_rate
    assert recogniser.reader.sample_rate != RATE  # which it is resampled from
