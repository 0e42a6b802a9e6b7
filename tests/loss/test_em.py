from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from loss.plain import bce, cells, given, looped, same, sigmoid
from rfcx_audio.batch import MIXED_BACKGROUND
from rfcx_audio.loss import EM, Ramp, em, masked_bce
from rfcx_audio.loss.em import least_likely

NAN = float("nan")


def entropy(logit):
    p = sigmoid(logit)
    return -p * log(p) - (1 - p) * log(1 - p)


def test_it_equals_a_loop():
    logits, target, known = cells()
    loop = looped(logits, target, known, lambda *at: -entropy(logits[at].item()), lambda *_: 0.2)
    same(em(logits, target, known, 0.2), loop)


def test_with_pseudo_labels_it_equals_a_loop():
    logits, target, known = cells()
    rng = np.random.default_rng(5)
    pseudo = torch.tensor(np.where(rng.random((5, 6)) < 0.5, rng.random((5, 6)), NAN))

    def unknown_loss(*at):
        z, soft = logits[at].item(), pseudo[at].item()
        return -entropy(z) if np.isnan(soft) else bce(z, soft)

    def weight(*at):
        return 0.2 if pseudo[at].isnan() else 0.7

    loop = looped(logits, target, known, unknown_loss, weight)
    same(em(logits, target, known, 0.2, pseudo, 0.7), loop)


def test_the_pull_is_towards_one_half_and_small_there_and_far_away():
    logits = torch.tensor([[-20.0, -2.0, 0.0, 2.0, 20.0]], dtype=torch.float64).requires_grad_()
    nothing = torch.zeros_like(logits)
    em(logits, nothing, nothing).value.sum().backward()
    p = logits.detach().sigmoid()
    torch.testing.assert_close(logits.grad, logits.detach() * p * (1 - p))


def test_without_alpha_it_is_masked_cross_entropy():
    logits, target, known = cells()
    ours, theirs = em(logits, target, known, 0.0), masked_bce(logits, target, known)
    torch.testing.assert_close(ours.value * ours.weight, theirs.value * theirs.weight)
    torch.testing.assert_close(ours.weight, theirs.weight)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_least_likely_are_those_below_the_quantile_of_their_species(share):
    rng = np.random.default_rng(0)
    seen = np.where(rng.random((40, 3)) < 0.3, NAN, rng.random((40, 3)))
    seen[:, 2] = NAN
    scores = rng.random((7, 3))
    ours = least_likely(torch.tensor(scores), torch.tensor(seen), share)
    for species in range(3):
        column = seen[:, species][~np.isnan(seen[:, species])]
        for crop in range(7):
            low = len(column) and share and scores[crop, species] <= np.quantile(column, share)
            assert ours[crop, species].item() == bool(low)


def labelled(share):
    loss = EM(alpha=0.1, share=share, beta=0.5)
    assert loss.seen is not None
    assert loss.pseudo is not None
    for table in (loss.seen, loss.pseudo):
        table.resize(5, 6)
    return loss, loss.seen, loss.pseudo


def step(loss, logits, target, known, rows):
    cells = loss(*given(logits, target, known, rows))
    loss.seen.commit()
    loss.pseudo.commit()
    return cells


def test_rows_get_soft_absent_labels_which_stay():
    logits, target, known = cells(hard=True)
    ramp = Ramp(0.0, 0.5, begin=0.5, end=0.5)
    loss, seen, pseudo = labelled(ramp)
    rows = torch.arange(5)[:, None]
    first = step(loss, logits, target, known, rows)
    torch.testing.assert_close(first.value, em(logits, target, known, 0.1).value)
    assert pseudo.values.isnan().all()
    scores = torch.where(known == 0, logits.sigmoid().float(), NAN)
    torch.testing.assert_close(seen.values, scores, equal_nan=True)

    ramp.progress = 0.5
    step(loss, logits, target, known, rows)
    kept = pseudo.values.clone()
    for species in range(6):
        column = scores[:, species]
        low = column <= column.nanquantile(0.5)
        assert torch.equal(~kept[:, species].isnan(), low)
        torch.testing.assert_close(kept[low, species], column[low])
    assert kept[known == 1].isnan().all()

    after = step(loss, logits + 1, target, known, rows)
    chosen = ~kept.isnan()
    torch.testing.assert_close(pseudo.values[chosen], kept[chosen])
    expected = em(logits + 1, target, known, 0.1, kept.double(), 0.5)
    torch.testing.assert_close(after.value, expected.value, check_dtype=False)
    assert (after.weight[chosen] == 0.5).all()


def test_a_mixture_has_a_label_where_all_its_crops_have_one_and_writes_none():
    loss, seen, pseudo = labelled(1.0)
    pseudo.values[0] = torch.tensor([0.1, 0.1, NAN, NAN, 0.3, NAN])
    pseudo.values[1] = torch.tensor([0.2, NAN, 0.2, NAN, 0.1, NAN])
    before = pseudo.values.clone()
    logits = torch.full((3, 6), -1.0)
    rows = torch.tensor([[0, 1], [-1, -1], [0, MIXED_BACKGROUND]])
    value, weight = step(loss, logits, 0 * logits, 0 * logits, rows)
    assert weight.tolist()[0] == pytest.approx([0.5, 0.1, 0.1, 0.1, 0.5, 0.1])
    assert weight.tolist()[1] == pytest.approx([0.1] * 6)
    assert weight.tolist()[2] == pytest.approx([0.1] * 6)
    assert value[0, 0].item() == pytest.approx(bce(-1.0, 0.2))
    assert value[0, 4].item() == pytest.approx(bce(-1.0, 0.3))
    torch.testing.assert_close(pseudo.values, before, equal_nan=True)
    assert seen.values.isnan().all()


def test_without_a_share_it_has_no_table_and_needs_no_rows():
    loss = EM(alpha=0.3)
    assert not [name for name, _ in loss.named_buffers()]
    assert torch.equal(loss(*given(*cells())).value, em(*cells(), 0.3).value)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"alpha \(-1"):
        em(*cells(), -1.0)
    with pytest.raises(ValueError, match="share is 1"):
        least_likely(torch.zeros(1, 1), torch.zeros(1, 1), 1.5)
    with pytest.raises(ValueError, match="keeps a table of the training rows"):
        EM(share=0.5)(*given(*cells()))


def test_it_shows_its_settings():
    assert repr(EM(0.2)) == "EM(alpha=0.2, share=0, beta=0.1)"
