from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.inference import known_cells, read_known
from rfcx_audio.inference.known import as_arrays


def windows() -> pd.DataFrame:
    """Of four recordings: 0-6, 3-9 and 5.5-11.5 s."""
    return pd.DataFrame(
        [(f"r{n}", start, start + 6.0) for n in range(4) for start in (0.0, 3.0, 5.5)],
        columns=pd.Index(["recording_id", "t_min", "t_max"]),
    )


def rows(*calls: tuple[str, int, bool, float, float]) -> pd.DataFrame:
    columns = pd.Index(["recording_id", "species_id", "present", "t_min", "t_max"])
    return pd.DataFrame(calls, columns=columns).assign(
        weight=1.0, songtype_id=1, f_min=100.0, f_max=200.0
    )


def test_rows_speak_of_the_windows_that_hold_them() -> None:
    keys = windows()
    said = rows(("r1", 2, True, 1.0, 2.0), ("r1", 3, False, 4.0, 5.0), ("r3", 0, True, 9.5, 11.0))
    labels = known_cells(keys, 12, said, 0.5, complete=False)
    known = {(3, 2), (3, 3), (4, 3), (11, 0)}
    assert {tuple(place) for place in labels.known.nonzero().tolist()} == known
    assert {tuple(place) for place in labels.target.nonzero().tolist()} == {(3, 2), (11, 0)}
    complete = known_cells(keys, 12, said[said["present"]], 0.5, complete=True)
    assert complete.known.all()
    assert torch.equal(complete.target, labels.target)
    with pytest.raises(ValueError, match="t_max"):
        known_cells(keys, 12, said.drop(columns="t_max"), 0.5, complete=False)


def test_a_folder_of_rows_and_a_table_of_calls_are_told_apart(tmp_path: Path) -> None:
    said = rows(("r1", 2, True, 1.0, 2.0), ("r1", 3, False, 4.0, 5.0))
    columns = [name for name in said if name not in ("present", "weight")]
    said.loc[said["present"], columns].to_csv(tmp_path / "train_tp.csv", index=False)
    said.loc[~said["present"], columns].to_csv(tmp_path / "train_fp.csv", index=False)
    said.loc[said["present"], columns].to_csv(tmp_path / "truth.csv", index=False)
    partial = read_known(tmp_path, windows(), 12, 0.5)
    assert partial.known.sum() == 3
    complete = read_known(tmp_path / "truth.csv", windows(), 12, 0.5)
    assert complete.known.all()
    assert torch.equal(complete.target, partial.target)


def test_scores_beside_labels_must_be_probabilities_where_something_is_known() -> None:
    scores, known = torch.tensor([[0.5, 7.0]]), torch.tensor([[1.0, 0.0]])
    values, present, weight = as_arrays(scores, Labels(torch.tensor([[0.5, 1.0]]), known))
    assert (values.tolist(), present.tolist(), weight.tolist()) == (
        [[0.5, 7.0]],
        [[True, True]],
        [[1.0, 0.0]],
    )
    with pytest.raises(ValueError, match="no probability"):
        as_arrays(scores, Labels(known, torch.ones(1, 2)))
    with pytest.raises(ValueError, match="expected \\(rows, species\\) thrice"):
        as_arrays(scores, Labels(known[0], known))
