from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.batch import CellLoss, Labels
from rfcx_audio.loss import Reduction, masked_bce, reduce_cells

EVERY = get_args(Reduction)


def random_cells(seed: int = 0, batch: int = 5, species: int = 4) -> tuple[CellLoss, Labels]:
    generator = torch.Generator().manual_seed(seed)

    def uniform():
        return torch.rand(batch, species, generator=generator, dtype=torch.float64)

    weight = uniform() * uniform().round()
    labels = Labels(torch.where(weight > 0, uniform(), float("nan")), weight)
    return CellLoss(3 * uniform(), weight), labels


def looped(cells: CellLoss, labels: Labels, how: str) -> float:
    """The definitions, cell by cell."""
    total = weights = 0.0
    means: list[float] = []
    sides = {"present": [0.0, 0.0], "absent": [0.0, 0.0]}
    for values, row_weights, targets in zip(*cells, labels.target, strict=True):
        row_total = row_weight = 0.0
        for v, w, t in zip(values.tolist(), row_weights.tolist(), targets.tolist(), strict=True):
            row_total += v * w
            row_weight += w
            if w > 0:
                for side, part in (("present", t), ("absent", 1 - t)):
                    sides[side][0] += v * w * part
                    sides[side][1] += w * part
        total, weights = total + row_total, weights + row_weight
        if row_weight > 0:
            means.append(row_total / row_weight)
    return {
        "known": total / max(1.0, weights),
        "example": sum(means) / max(1, len(means)),
        "class_balanced": sum(s / n / 2 for s, n in sides.values() if n > 0),
        "all": total / cells.value.numel(),
        "sum": total,
    }[how]


@pytest.mark.parametrize("how", EVERY)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), batch=st.integers(1, 6), species=st.integers(1, 5))
def test_every_reduction_equals_a_loop(how, seed, batch, species):
    cells, labels = random_cells(seed, batch, species)
    assert reduce_cells(cells, labels, how).item() == pytest.approx(looped(cells, labels, how))


@pytest.mark.parametrize("how", EVERY)
def test_a_batch_in_which_nothing_is_known_is_zero_with_a_zero_gradient(how):
    logits = torch.tensor([[-1e4, 0.0, 1e4], [1.0, 2.0, 3.0]], requires_grad=True)
    labels = Labels(torch.full((2, 3), float("nan")), torch.zeros(2, 3))
    value = reduce_cells(masked_bce(logits, *labels), labels, how)
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros(2, 3))


@pytest.mark.parametrize("how", EVERY)
def test_it_is_finite_for_huge_logits(how):
    logits = torch.tensor([[-1e4, 1e4, -1e4, 1e4]], requires_grad=True)
    labels = Labels(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.5, 0.0]]))
    value = reduce_cells(masked_bce(logits, *labels), labels, how)
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("how", EVERY)
def test_an_empty_batch_is_zero(how):
    empty = torch.zeros(0, 4)
    assert reduce_cells(CellLoss(empty, empty), Labels(empty, empty), how).item() == 0


@pytest.mark.parametrize("how", ["known", "example", "class_balanced"])
def test_equal_costs_of_fully_known_cells_average_to_that_cost(how):
    labels = Labels(torch.eye(3), torch.ones(3, 3))
    cells = CellLoss(torch.full((3, 3), 0.7), torch.ones(3, 3))
    assert reduce_cells(cells, labels, how).item() == pytest.approx(0.7)


@pytest.mark.parametrize("how", ["known", "example", "class_balanced", "sum"])
def test_unknown_species_added_to_a_batch_change_nothing(how):
    cells, labels = random_cells()

    def widened(tensor):
        return torch.cat([tensor, torch.zeros(5, 20, dtype=tensor.dtype)], dim=1)

    wide = CellLoss(*map(widened, cells)), Labels(*map(widened, labels))
    torch.testing.assert_close(reduce_cells(*wide, how), reduce_cells(cells, labels, how))


def test_weights_that_sum_to_less_than_one_are_not_made_up_to_one():
    cells = CellLoss(torch.tensor([[2.0, 9.0]]), torch.tensor([[0.25, 0.0]]))
    labels = Labels(torch.ones(1, 2), cells.weight)
    assert reduce_cells(cells, labels, "known").item() == 0.5
    assert reduce_cells(cells, labels, "example").item() == 2.0


def test_each_class_keeps_half_when_the_other_is_missing():
    cells = CellLoss(torch.tensor([[2.0, 4.0]]), torch.ones(1, 2))
    only_present = Labels(torch.ones(1, 2), torch.ones(1, 2))
    both = Labels(torch.tensor([[1.0, 0.0]]), torch.ones(1, 2))
    assert reduce_cells(cells, only_present, "class_balanced").item() == 1.5
    assert reduce_cells(cells, both, "class_balanced").item() == 3.0


def test_an_unknown_cell_with_a_weight_counts_as_absent():
    labels = Labels(torch.tensor([[1.0, float("nan")]]), torch.tensor([[1.0, 0.0]]))
    cells = CellLoss(torch.tensor([[2.0, 4.0]]), torch.ones(1, 2))
    assert reduce_cells(cells, labels, "class_balanced").item() == 3.0


def test_an_unknown_name_and_differing_shapes_are_refused():
    cells, labels = random_cells()
    with pytest.raises(ValueError, match=r"'mean' .*known, example"):
        reduce_cells(cells, labels, "mean")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="one shape"):
        reduce_cells(cells, Labels(labels.target[:, :1], labels.known[:, :1]))


def test_of_several_processes_each_divides_by_what_all_have(monkeypatch):
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda divisor: divisor.add_(3))
    cells, labels = random_cells()
    expected = 2 * looped(cells, labels, "sum") / (cells.weight.sum() + 3)
    assert reduce_cells(cells, labels, "known", 2).item() == pytest.approx(expected.item())
    before = cells.weight.clone()
    reduce_cells(cells, labels, "example", 2)
    assert torch.equal(cells.weight, before)
