from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.metric.ranking import above, at_least, precision_at

few_values = st.sampled_from([-float("inf"), -1.0, 0.0, 0.5, 2.0, float("inf")])
rows = st.lists(st.tuples(few_values, st.booleans(), st.booleans()), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(row=rows)
def test_counts_are_those_of_comparing_everyone_with_everyone(row):
    scores = torch.tensor([score for score, _, _ in row])
    among = torch.tensor([chosen for _, chosen, _ in row])
    for i, score in enumerate(scores):
        assert above(scores, among)[i] == (among & (scores > score)).sum()
        assert at_least(scores, among)[i] == (among & (scores >= score)).sum()


@settings(deadline=None, max_examples=60)
@given(row=rows)
def test_precision_is_that_of_comparing_everyone_with_everyone(row):
    scores = torch.tensor([score for score, _, _ in row])
    known = torch.tensor([known for _, known, _ in row])
    present = known & torch.tensor([present for _, _, present in row])
    precision = precision_at(scores, present, known & ~present)
    for i, score in enumerate(scores):
        expected = (
            (present & (scores >= score)).sum() / (known & (scores >= score)).sum()
            if present[i]
            else torch.tensor(0.0)
        )
        torch.testing.assert_close(precision[i].float(), expected)


def test_rows_do_not_know_of_each_other():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 6, generator=generator)
    scores[:, 2] = -torch.inf
    among = torch.rand(4, 6, generator=generator) < 0.5
    for row in range(4):
        assert torch.equal(at_least(scores, among)[row], at_least(scores[row], among[row]))
        assert torch.equal(above(scores.T, among.T)[:, 0], above(scores.T.clone(), among.T)[:, 0])
