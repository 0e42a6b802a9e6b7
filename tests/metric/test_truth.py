from __future__ import annotations

import pytest
import torch

from rfcx_audio.metric.truth import check_num_species, checked_cells


def test_cells_are_present_absent_or_neither():
    target = torch.tensor([[1.0, 0.0, 0.5, float("nan"), 1.0]])
    known = torch.tensor([[1.0, 1.0, 0.1, 0.0, 0.0]])
    cells = checked_cells(torch.zeros(1, 5), target, known)
    assert cells.present.tolist() == [[True, False, True, False, False]]
    assert cells.absent.tolist() == [[False, True, False, False, False]]


def test_without_known_everything_is_known():
    cells = checked_cells(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]))
    assert cells.present.tolist() == [[True, False]]
    assert cells.absent.tolist() == [[False, True]]


def test_scores_are_in_at_least_float32_and_without_a_graph():
    half = torch.zeros(1, 2, dtype=torch.float16, requires_grad=True)
    double = torch.zeros(1, 2, dtype=torch.float64)
    assert checked_cells(half, torch.zeros(1, 2)).scores.dtype == torch.float32
    assert checked_cells(double, torch.zeros(1, 2)).scores.dtype == torch.float64
    assert not checked_cells(half, torch.zeros(1, 2)).scores.requires_grad


def test_nan_scores_are_counted_and_refused():
    scores = torch.tensor([[0.1, 0.2], [float("nan"), 0.3]])
    with pytest.raises(ValueError, match="1 of 4 scores are NaN, first in row 1"):
        checked_cells(scores, torch.zeros(2, 2))


def test_other_shapes_are_refused_with_what_was_seen():
    with pytest.raises(ValueError, match=r"\(2, 3\), \(2, 1\) and \(2, 1\)"):
        checked_cells(torch.zeros(2, 3), torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"\(n, species\)"):
        checked_cells(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match=r"expected 4 species, got scores \(2, 3\)"):
        check_num_species(torch.zeros(2, 3), 4)
