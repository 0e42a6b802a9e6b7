from __future__ import annotations

import pytest
import torch

from rfcx_audio.loss.by_species import by_species, shown

LIKE = torch.zeros(2, 3, dtype=torch.float64)


def test_one_number_is_for_all_and_a_list_for_each():
    assert by_species("weight", 0.1, LIKE).item() == 0.1
    each = by_species("weight", [0.0, 0.5, 1.0], LIKE)
    assert each.tolist() == [0.0, 0.5, 1.0]
    assert each.dtype == torch.float64


@pytest.mark.parametrize("number", [1.5, -0.1, [0.0, 2.0, 0.0], float("nan")])
def test_numbers_outside_their_range_are_refused(number):
    with pytest.raises(ValueError, match=r"weight is .*\[0, 1\]"):
        by_species("weight", number, LIKE)


def test_too_few_or_too_many_numbers_are_refused():
    with pytest.raises(ValueError, match="weight has 2 numbers for 3 species"):
        by_species("weight", [0.1, 0.2], LIKE)


def test_it_shows_itself():
    assert (shown(0.25), shown([0.5, 1.0])) == ("0.25", "[0.5, 1]")
