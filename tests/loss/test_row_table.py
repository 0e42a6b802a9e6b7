from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loss import remembering
from rfcx_audio.loss import RowTable
from rfcx_audio.loss.row_table import in_any, only_row, settled, sums_by_row


def looped(table, rows, values):
    """The mean of what was written of each row, in plain Python."""
    result = table.clone()
    for row in range(len(table)):
        written = [value for at, value in zip(rows.tolist(), values, strict=True) if at == row]
        for species in range(table.shape[1]):
            written_here = [value[species] for value in written if not value[species].isnan()]
            if written_here:
                result[row, species] = sum(written_here) / len(written_here)
    return result


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), writings=st.integers(0, 12), cut=st.integers(0, 12))
def test_writing_equals_a_loop_however_it_is_shared_out(seed, writings, cut):
    rng = np.random.default_rng(seed)
    table, values = (torch.tensor(rng.normal(size=(n, 3))) for n in (5, writings))
    values[torch.tensor(rng.random((writings, 3)) < 0.3)] = torch.nan
    rows = torch.tensor(rng.integers(0, 5, writings), dtype=torch.int64)
    expected = looped(table, rows, values)
    torch.testing.assert_close(settled(table, sums_by_row(rows, values, 5)), expected)
    halves = sums_by_row(rows[:cut], values[:cut], 5) + sums_by_row(rows[cut:], values[cut:], 5)
    torch.testing.assert_close(settled(table, halves), expected)


def table_of(initial=0.0, rows=4):
    table = RowTable(initial)
    table.resize(rows, 2)
    return table


def test_what_is_written_is_read_after_the_commit_and_background_writes_nothing():
    table = table_of(initial=-1.0)
    rows = torch.tensor([2, -1, 2])
    table.write(rows, torch.tensor([[1.0, 2.0], [9.0, 9.0], [3.0, 4.0]]))
    assert (table.read(torch.tensor([[2]])) == -1).all()
    table.commit()
    read = table.read(torch.tensor([[2, -1], [0, 2]]))
    assert read.tolist() == [[[2.0, 3.0], [-1.0, -1.0]], [[-1.0, -1.0], [2.0, 3.0]]]
    before = table.values.clone()
    table.commit()  # nothing is brought in twice
    assert torch.equal(table.values, before)


def test_outside_of_training_nothing_is_written():
    table = table_of().eval()
    table.write(torch.tensor([0]), torch.ones(1, 2))
    table.commit()
    assert (table.values == 0).all()


def test_what_was_never_written_stays_missing_among_missing_values():
    table = table_of(initial=torch.nan)
    table.write(torch.tensor([1]), torch.tensor([[0.5, torch.nan]]))
    table.commit()
    assert table.values[1, 0] == 0.5
    assert int(table.values.isnan().sum()) == 7


def test_resizing_to_its_size_keeps_what_it_holds():
    table = table_of()
    table.values.fill_(3.0)
    table.resize(4, 2)
    assert (table.values == 3).all()
    table.resize(5, 2)
    assert table.values.shape == (5, 2)
    assert (table.values == 0).all()


def test_a_table_of_its_own_size_does_not_follow_the_training_table():
    table = RowTable(num_rows=1)
    table.resize(100, 3)
    assert table.values.shape == (1, 3)


def test_it_is_not_among_the_weights():
    assert table_of().state_dict() == {}


def test_a_table_of_other_rows_is_refused():
    table = table_of()
    table.restore(torch.full((4, 2), 7.0))
    assert (table.values == 7).all()
    with pytest.raises(ValueError, match=r"\(5, 2\) \(rows, species\), .*start_from"):
        table.restore(torch.zeros(5, 2))


def test_only_crops_of_one_row_belong_to_one():
    rows = torch.tensor([[3, -1], [-1, 2], [1, 4], [5, 5], [-1, -1], [3, -2], [-2, 3], [-2, -1]])
    assert only_row(rows).tolist() == [3, 2, -1, -1, -1, -1, -1, -1]


def test_a_mixture_has_what_any_of_its_crops_has():
    parts = torch.tensor([[[0.5, 0.0], [0.2, 1.0]], [[0.5, 0.3], [0.9, 0.9]], [[0.5, 0.5]] * 2])
    rows = torch.tensor([[0, 1], [2, -1], [-1, -1]])
    expected = torch.tensor([[0.6, 1.0], [0.5, 0.3], [0.0, 0.0]])
    torch.testing.assert_close(in_any(parts, rows), expected)


def test_it_shows_its_size():
    assert repr(table_of()) == "RowTable(4 rows, 2 species)"


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_two_processes_with_half_a_batch_each_remember_the_same(tmp_path):
    script = Path(__file__).with_name("remembering.py")
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, tables in first.items():
        for table, values in tables.items():
            torch.testing.assert_close(values, second[name][table], rtol=0, atol=0, equal_nan=True)
            assert (values.nan_to_num(0.0) != 0).any(), name
    # The prior is a mean over crops, so it is exactly that of one process with whole batches.
    alone = remembering.remember(remembering.losses()["csl"], slice(None), remembering.steps())
    torch.testing.assert_close(first["csl"]["estimate"], alone["estimate"])
