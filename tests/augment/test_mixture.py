from __future__ import annotations

from functools import partial
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from augment.conftest import MakeLabels
from rfcx_audio.augment import blend, join, union
from rfcx_audio.batch import MIXED_BACKGROUND, Labels

PRESENT, ABSENT, UNKNOWN = (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)
STATES = (PRESENT, ABSENT, UNKNOWN)
PAIRS = list(product(STATES, STATES))
State = tuple[float, float]
unit = st.floats(0, 1)


def cell(state: State) -> Labels:
    return Labels(torch.tensor([[state[0]]]), torch.tensor([[state[1]]]))


def masses(labels: Labels) -> tuple[float, float]:
    """The weights with which a cell is present, and absent."""
    target, known = labels.target.item(), labels.known.item()
    assert 0 <= target <= 1
    assert 0 <= known <= 1
    return known * target, known * (1 - target)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_union_follows_the_logic_of_two_crops_at_once(first: State, second: State) -> None:
    # Brute force: what is true of all worlds in which the unknown is one or the other.
    worlds = {
        bool(a) or bool(b)
        for a in ([first[0]] if first[1] else [0, 1])
        for b in ([second[0]] if second[1] else [0, 1])
    }
    expected = (0.0, 0.0) if len(worlds) == 2 else (float(True in worlds), float(False in worlds))
    assert masses(union(cell(first), cell(second))) == expected


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_blend_is_known_where_both_are_or_by_the_share_of_what_is_present(
    first: State, second: State, share: float
) -> None:
    (y1, k1), (y2, k2) = first, second
    if k1 and k2:
        mean = share * y1 + (1 - share) * y2
        expected = (mean, 1 - mean)
    elif k1 and y1:
        expected = (share, 0.0)
    elif k2 and y2:
        expected = (1 - share, 0.0)
    else:
        expected = (0.0, 0.0)
    mixed = masses(blend(cell(first), cell(second), torch.tensor([share])))
    assert mixed == pytest.approx(expected)


@given(unit, unit, unit, unit, unit)
def test_soft_labels_stay_in_range_and_nothing_unknown_becomes_absent(
    y1: float, k1: float, y2: float, k2: float, share: float
) -> None:
    first, second = cell((y1, k1)), cell((y2, k2))
    assert masses(union(first, second))[1] <= min(k1 * (1 - y1), k2 * (1 - y2)) + 1e-6
    assert masses(blend(first, second, torch.tensor([share])))[1] <= min(k1, k2) + 1e-6


def test_shares_belong_to_examples_whatever_the_shape(make_labels: MakeLabels) -> None:
    first, second = make_labels(3), make_labels(3)
    share = torch.tensor([0.1, 0.5, 0.9])
    batch = blend(first.frame, second.frame, share)
    for number in range(3):
        here = slice(number, number + 1)
        one = blend(
            Labels(*(part[here] for part in first.frame)),
            Labels(*(part[here] for part in second.frame)),
            share[here],
        )
        assert torch.equal(batch.target[here], one.target)
        assert torch.equal(batch.known[here], one.known)


def test_clip_and_frames_are_joined_as_asked_and_the_truth_by_union(
    make_labels: MakeLabels,
) -> None:
    first, second = make_labels(4), make_labels(5)
    second = second._replace(
        clip=Labels(*(part[:4] for part in second.clip)),
        frame=Labels(*(part[:4] for part in second.frame)),
        truth=Labels(*(part[:4] for part in second.truth)),
        boxes=type(second.boxes)(*(field[:4] for field in second.boxes)),
    )
    how = partial(blend, share=torch.full((4,), 0.3))
    which = torch.tensor([True, False, True, False])
    joined = join(first, second, how, which)
    for own, other, rule, got in (
        (first.clip, second.clip, how, joined.clip),
        (first.frame, second.frame, how, joined.frame),
        (first.truth, second.truth, union, joined.truth),
    ):
        mixture = rule(own, other)
        for number, mixed in enumerate(which):
            expected = mixture if mixed else own
            assert torch.equal(got.target[number], expected.target[number])
            assert torch.equal(got.known[number], expected.known[number])


def test_boxes_of_both_are_kept_but_none_where_nothing_was_mixed(one_box: MakeLabels) -> None:
    first, second = one_box((0.1, 0.2), batch=2), one_box((0.7, 0.9), batch=2)
    boxes = join(first, second, union, torch.tensor([True, False])).boxes
    assert boxes.species.tolist() == [[0, 0], [0, -1]]
    assert torch.allclose(boxes.t_min[0], torch.tensor([0.1, 0.7]))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_box_rules_out_only_what_the_other_crop_rules_out_too(
    state: State, swapped: bool, one_box: MakeLabels
) -> None:
    ruled_out = one_box((0.1, 0.2), present=False)
    other = one_box((0.7, 0.9))
    other = other._replace(
        clip=cell(state), boxes=other.boxes._replace(species=-torch.ones(1, 1).long())
    )
    pair = (other, ruled_out) if swapped else (ruled_out, other)
    species = join(*pair, union, torch.tensor([True])).boxes.species.flatten().tolist()
    assert sorted(species) == ([-1, 0] if state == ABSENT else [-1, -1])


def test_a_mixture_belongs_to_the_rows_of_both_crops(one_box: MakeLabels) -> None:
    first, second = (
        one_box((0.1, 0.2), batch=6)._replace(rows=torch.tensor(rows)[:, None])
        for rows in ([1, 2, 3, -1, -1, -1], [7, 8, -1, 9, -1, -1])
    )
    which = torch.tensor([True, False, True, True, True, False])
    mixed = join(first, second, union, which)
    assert mixed.rows is not None
    background = MIXED_BACKGROUND
    expected = [[1, 7], [2, -1], [3, background], [background, 9], [background] * 2, [-1, -1]]
    assert mixed.rows.tolist() == expected
    again = join(mixed, second, union, ~which).rows  # a second mixing
    assert again is not None
    assert again[:3].tolist() == [[1, 7, -1], [2, -1, 8], [3, background, -1]]
    quiet = join(first, second._replace(rows=None), union, which)
    assert quiet.rows is not None
    assert torch.equal(quiet.rows, first.rows)
