from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from rfcx_audio.data import NOWHERE, CropRecipe
from rfcx_audio.data.feature_crops import LabelledWindows
from rfcx_audio.data.feature_windows import Grid, Known, labelled_windows
from rfcx_audio.data.pasted_windows import label_pasted
from rfcx_audio.data.sampler import SEEDS

RECIPE = CropRecipe(1.0, frame_s=0.5)
ROWS = pd.DataFrame(
    [("dawn", 0, True, 0.2, 0.8), ("dusk", 1, True, 1.2, 1.8), ("dusk", 0, False, 0.0, 1.0)],
    columns=pd.Index(["recording_id", "species_id", "present", "t_min", "t_max"]),
).assign(songtype_id=1, weight=1.0, f_min=100.0, f_max=400.0)
PASTED = pd.DataFrame(  # the calls of rows 1, 0, 1
    [(1, "dawn", 0.0, 0.1), (0, "dusk", 2.0, 0.2), (1, "dusk", 0.0, 0.3)],
    columns=pd.Index(["row", "background_id", "background_s", "offset_s"]),
)


def with_and_without(share: float) -> tuple[LabelledWindows, LabelledWindows]:
    known = Known(ROWS, NOWHERE, None, {"dawn": 3.0, "dusk": 3.0}, 2)
    found = labelled_windows(known, {"dawn": 5, "dusk": 5}, Grid(1, 0.5), RECIPE)
    labels = label_pasted(PASTED, ROWS, RECIPE, 2)
    return found.with_pasted(PASTED["row"].to_numpy(), labels, share), found


def test_a_share_of_the_draws_of_a_row_is_of_its_own_pasted_crops() -> None:
    found, before = with_and_without(0.25)
    behind = len(before.first)
    seeds = np.random.default_rng(0).integers(0, SEEDS, 4000)
    for row, own in ((0, {behind + 1}), (1, {behind, behind + 2})):
        drawn = np.array([found.chosen(row, int(seed)) for seed in seeds])
        assert set(drawn[drawn >= behind]) == own
        assert abs((drawn >= behind).mean() - 0.25) < 0.03
        assert set(drawn[drawn < behind]) == set(before.choices[row])
    assert {found.chosen(2, int(seed)) for seed in seeds} == set(before.choices[2])


def test_crops_of_the_store_keep_their_labels_and_pasted_ones_stand_behind() -> None:
    found, before = with_and_without(0.5)
    count = len(before.first)
    for mine, theirs in zip(
        found.labels(torch.arange(count))[:2], before.labels(torch.arange(count))[:2], strict=True
    ):
        assert torch.equal(mine.target, theirs.target)
        assert torch.equal(mine.known, theirs.known)
    pasted = found.labels(count + torch.arange(3))
    assert pasted.clip.target.tolist() == [[1, 1], [1, 0], [0, 1]]
    assert pasted.clip.known.tolist() == [[1, 1], [1, 0], [1, 1]]
    assert not pasted.truth.known.any()
    starts_s = [sorted(one[one > 0].tolist()) for one in pasted.boxes.t_min]
    np.testing.assert_allclose(starts_s[0], [0.1, 0.2])
    np.testing.assert_allclose(starts_s[1], [0.2], rtol=1e-6)
    np.testing.assert_allclose(starts_s[2], [0.3], rtol=1e-6)
