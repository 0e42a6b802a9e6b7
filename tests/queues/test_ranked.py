from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from queued import frame
from rfcx_audio.queues import Entropy, QueueError, Top, Uncertainty
from rfcx_audio.queues.earlier import nothing
from rfcx_audio.queues.ranked import Apart, binary_entropy


def test_top_has_the_best_of_each_species_in_turns() -> None:
    candidates = frame(30)
    drawn = Top(number=7, min_spacing_s=0).draw(candidates, nothing(candidates))
    clips, table = drawn.clips, candidates.table
    best = {
        name: part["score"].nlargest(3).to_list()
        for name, part in table.groupby("species", observed=True)
    }
    turns = [sorted((best[name][turn] for name in best), reverse=True) for turn in range(3)]
    assert clips["score"].to_list() == [*turns[0], *turns[1], turns[2][0]]
    assert clips["probability"].isna().all()
    assert drawn.strata.empty


def test_clips_of_a_species_in_a_recording_do_not_overlap() -> None:
    candidates = frame(3)
    clips = Top(number=999).draw(candidates, nothing(candidates)).clips
    for _, part in clips.groupby(["recording_id", "species"], observed=True):
        starts = part["t_min"].sort_values().to_numpy()
        assert (np.diff(starts) >= 6.0).all()
    far = Top(number=999, min_spacing_s=15.0).draw(candidates, nothing(candidates)).clips
    assert far.groupby(["recording_id", "species"], observed=True).size().max() <= 2
    with pytest.raises(QueueError, match="min_spacing_s = -1"):
        Apart(candidates, -1)


def test_what_was_answered_is_left_out() -> None:
    candidates = frame(10)
    earlier = nothing(candidates)
    first = Top(number=3).draw(candidates, earlier).clips
    earlier.overlaps[candidates.table.index.get_indexer(first.index)] = True
    second = Top(number=3).draw(candidates, earlier).clips
    assert not set(first.index) & set(second.index)
    earlier.overlaps[:] = True
    with pytest.raises(QueueError, match="nothing is left to be reviewed"):
        Top().draw(candidates, earlier)


def test_uncertainty_is_nearness_to_the_threshold(tmp_path: Path) -> None:
    candidates = frame(30)
    clips = Uncertainty(number=6, min_spacing_s=0).draw(candidates, nothing(candidates)).clips
    table = candidates.table
    for name, part in clips.groupby("species", observed=True):
        away = (table.loc[table["species"] == name, "score"] - 0.5).abs()
        assert sorted((part["score"] - 0.5).abs()) == sorted(away.nsmallest(2))
    limits = pd.DataFrame({"species": ["owl", "wren"], "threshold": [0.1, 0.9]})
    limits.to_csv(tmp_path / "thresholds.csv", index=False)
    design = Uncertainty(number=4, thresholds=str(tmp_path / "thresholds.csv"))
    clips = design.draw(candidates, nothing(candidates)).clips
    means = clips.groupby("species", observed=True)["score"].mean()
    assert set(means.index) == {"owl", "wren"}
    assert abs(means["owl"] - 0.1) < 0.05
    assert abs(means["wren"] - 0.9) < 0.05


def test_entropy_takes_windows_with_their_most_uncertain_species() -> None:
    candidates = frame(20)
    design = Entropy(number=5, classes=2, min_spacing_s=0)
    clips = design.draw(candidates, nothing(candidates)).clips
    table = candidates.table.assign(bits=binary_entropy(candidates.table["score"].to_numpy()))
    best = table.groupby("window")["bits"].apply(lambda bits: bits.nlargest(2).sum()).nlargest(3)
    expected = [window for window in best.index for _ in range(2)][:5]
    assert clips["window"].to_list() == expected
    first = table[table["window"] == expected[0]].nlargest(2, "bits")
    assert clips["species"].to_list()[:2] == first["species"].to_list()
    apart = Entropy(number=99, classes=2).draw(frame(2), nothing(frame(2))).clips
    starts = apart.groupby("recording_id", observed=True)["t_min"].unique()
    assert all((np.diff(np.sort(one)) >= 6).all() for one in starts)


def test_binary_entropy_is_one_bit_at_a_half() -> None:
    np.testing.assert_allclose(
        binary_entropy(np.array([0.5, 0.0, 1.0, 0.25])), [1, 0, 0, 0.8113], atol=1e-4
    )


@pytest.mark.parametrize("design", [Top(), Uncertainty(), Entropy()])
def test_designs_by_score_need_scores(design: Top) -> None:
    candidates = frame(2)
    candidates.table["score"] = np.nan
    with pytest.raises(QueueError, match="needs a score"):
        design.draw(candidates, nothing(candidates))
