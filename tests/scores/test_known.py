from __future__ import annotations

import pandas as pd
import pytest
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.data import EVERYWHERE, Annotations, CompleteSpan, Coverage
from rfcx_audio.scores.known import as_arrays, check_labels, label_keys


def windows() -> pd.DataFrame:
    """Windows of four recordings: 0-6, 3-9 and 5.5-11.5 s."""
    return pd.DataFrame(
        [(f"r{n}", start, start + 6.0) for n in range(4) for start in (0.0, 3.0, 5.5)],
        columns=pd.Index(["recording_id", "t_min", "t_max"]),
    )


def rows(*calls: tuple[str, int, bool, float, float]) -> pd.DataFrame:
    columns = pd.Index(["recording_id", "species_id", "present", "t_min", "t_max"])
    return pd.DataFrame(calls, columns=columns).assign(
        weight=1.0, songtype_id=1, f_min=100.0, f_max=200.0
    )


def test_rows_label_the_windows_that_hold_them() -> None:
    keys = windows()
    table = rows(("r1", 2, True, 1.0, 2.0), ("r1", 3, False, 4.0, 5.0), ("r3", 0, True, 9.5, 11.0))
    labels = label_keys(keys, 12, Annotations(table), 0.5)
    known = {(3, 2), (3, 3), (4, 3), (11, 0)}
    assert {tuple(place) for place in labels.known.nonzero().tolist()} == known
    assert {tuple(place) for place in labels.target.nonzero().tolist()} == {(3, 2), (11, 0)}
    calls = Annotations(table[table["present"]], complete=EVERYWHERE)
    complete = label_keys(keys, 12, calls, 0.5)
    assert complete.known.all()
    assert torch.equal(complete.target, labels.target)


def test_absences_count_as_many_as_they_are_by_what_their_rows_cover() -> None:
    keys = windows()
    ruled_out = [("r0", 1, False, 0.0, 1.0), ("r1", 1, False, 0.0, 3.0), ("r2", 3, False, 7.0, 7.3)]
    table = rows(*ruled_out, ("r3", 1, True, 0.0, 0.5))
    known = label_keys(keys, 4, Annotations(table), 0.5).known
    assert known[0, 1].item() == pytest.approx(2 / 4)  # 1 s of 6 s, where the mean is 2 s
    assert known[3, 1].item() == pytest.approx(6 / 4)
    assert known[9, 1] == 1  # a presence
    assert known[[7, 8], 3].tolist() == pytest.approx([1, 1])
    assert known.sum() == 5
    turned = label_keys(keys[::-1].reset_index(drop=True), 4, Annotations(table), 0.5).known
    assert torch.equal(turned, known.flip(0))


def test_rows_label_recordings_by_their_presences_alone() -> None:
    keys = windows()[["recording_id"]].drop_duplicates(ignore_index=True)
    table = rows(("r1", 2, True, 1.0, 2.0), ("r1", 3, False, 4.0, 5.0))
    labels = label_keys(keys, 5, Annotations(table), 0.5)
    assert labels.known.nonzero().tolist() == labels.target.nonzero().tolist() == [[1, 2]]
    complete = label_keys(keys, 5, Annotations(table[table["present"]], complete=EVERYWHERE), 0.5)
    assert complete.known.all()
    assert torch.equal(complete.target, labels.target)


def test_scores_beside_labels_must_be_probabilities_where_they_are_known() -> None:
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


def test_complete_spans_cover_windows_and_whole_recordings() -> None:
    table = rows(("r1", 2, True, 1.0, 2.0))
    spans = (CompleteSpan("r0", 0.0, 9.0), CompleteSpan("r1", species=frozenset({0, 2})))
    labels = label_keys(windows(), 4, Annotations(table, complete=Coverage(spans)), 0.5)
    expected = torch.zeros(12, 4)
    expected[0:2] = 1  # r0 to 9 s
    expected[3:6, 0] = expected[3:6, 2] = 1
    assert torch.equal(labels.known, expected)
    assert labels.target.nonzero().tolist() == [[3, 2]]
    keys = windows()[["recording_id"]].drop_duplicates(ignore_index=True)
    annotations = Annotations(table, complete=Coverage(spans))
    whole = label_keys(keys, 4, annotations, 0.5)
    assert whole.known.nonzero().tolist() == [[1, 0], [1, 2]]
    shorter = label_keys(keys, 4, annotations, 0.5, {"r0": 9.0})
    assert shorter.known.nonzero().tolist() == [[0, n] for n in range(4)] + [[1, 0], [1, 2]]


def test_what_is_lost_between_scores_and_labels_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = rows(("r1", 2, True, 1.0, 2.0), ("gone", 2, True, 1.0, 2.0))
    scored = ["r1", "r2", "r3"]
    some = Coverage((CompleteSpan("r2"), CompleteSpan("site/*")))
    assert check_labels(scored, Annotations(table, complete=some)) == ["r1", "r2"]
    assert "2 recordings of the labels have no scores, the first 'gone'" in caplog.text
    assert "1 of 3 scored recordings are not covered by the labels, the first 'r3'" in caplog.text
    caplog.clear()
    split = table.assign(split=["test", "train"])
    assert check_labels(scored, Annotations(split, complete=EVERYWHERE)) == scored
    assert "have no scores" not in caplog.text
    assert "2 of 3 scored recordings have no call, the first 'r2'" in caplog.text
    with pytest.raises(ValueError, match="no recording has both scores and annotations"):
        check_labels(["r9"], Annotations(table, complete=EVERYWHERE))
