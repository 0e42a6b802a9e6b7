from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.data import AnnotationError, SoftLabels, SoftRecipe
from rfcx_audio.data.soft_labels import with_soft
from rfcx_audio.scores import Scores

SPECIES = ("owl", "frog")


def table(span_s: float, *rows: tuple[str, float, float, float]) -> pd.DataFrame:
    """(recording, start in s, score of the owl, score of the frog) each."""
    columns = pd.Index(["recording_id", "t_min", *SPECIES])
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(t_max=found["t_min"] + span_s)


def soft(span_s: float, *rows: tuple[str, float, float, float]) -> SoftLabels:
    return SoftLabels.of_table(table(span_s, *rows), SPECIES)


def starts(*seconds: float) -> torch.Tensor:
    return torch.tensor(seconds, dtype=torch.float64)


def test_the_target_of_a_crop_is_that_of_its_window_and_between_two_interpolated() -> None:
    found = soft(4.0, ("dusk", 2.0, 0.8, 0.0), ("dusk", 0.0, 0.2, 1.0), ("dawn", 0.0, 0.5, 0.5))
    targets = found.clip("dusk", starts(0.0, 0.5, 2.0, 9.0), 4.0)
    expected = [[0.2, 1.0], [0.35, 0.75], [0.8, 0.0], [0.8, 0.0]]  # the last one clamped
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_allclose(found.clip("dawn", starts(0.0, 3.0), 4.0), 0.5)
    assert not found.localise(4.0)


def test_the_target_of_a_crop_of_frames_is_the_highest_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    values, span_s, duration_s = rng.random((40, 2)).round(3), 0.25, 2.0
    found = soft(span_s, *[("dusk", i * span_s, *row) for i, row in enumerate(values)])
    begins = rng.uniform(0, 8, 20)
    targets = found.clip("dusk", torch.from_numpy(begins), duration_s)
    for begin, target in zip(begins, targets, strict=True):
        middles = [(i + 0.5) * span_s for i in range(len(values))]
        inside = [begin <= middle < begin + duration_s for middle in middles]
        np.testing.assert_allclose(target, values[inside].max(0), atol=1e-6)
    assert found.localise(duration_s)
    assert found.clip("dusk", starts(50.0), duration_s).tolist() == [[0.0, 0.0]]  # after the last
    assert found.clip("dusk", starts(), duration_s).shape == (0, 2)
    points = found.frame("dusk", starts(0.1, 0.26, 9.99, 12.0))
    np.testing.assert_allclose(points, values[[0, 1, 39, 39]], atol=1e-6)


def test_what_is_known_stays_exactly_as_it_is() -> None:
    labels = Labels(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.3, 0.0]]))
    target, known = with_soft(labels, torch.tensor([[0.1, 0.9, 0.6]]), 0.5)
    assert torch.equal(target, torch.tensor([[1.0, 0.0, 0.6]]))
    assert torch.equal(known, torch.tensor([[1.0, 0.3, 0.5]]))


def test_a_table_of_scores_is_read_by_the_names_of_species_and_raised(tmp_path: Path) -> None:
    scores = Scores.of_windows("dusk", [0.0, 2.0], 4.0, [[0.5, 0.1], [1.0, 0.2]], species=SPECIES)
    scores.write(tmp_path / "scores.parquet")
    recipe = SoftRecipe(str(tmp_path / "scores.parquet"), power=2.0)
    found = SoftLabels.read(recipe, ["frog", "owl"])
    np.testing.assert_allclose(found.spans["dusk"].values, [[0.01, 0.25], [0.04, 1.0]], atol=1e-6)
    assert found.span_s == 4.0
    assert found.teachers_saw is None  # perhaps any: nothing is stated
    assert not SoftLabels.read(SoftRecipe(), SPECIES).spans


def test_what_is_no_table_of_these_species_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"data.soft_labels=.*no table of scores"):
        SoftLabels.read(SoftRecipe(str(tmp_path / "none.parquet")), SPECIES)
    table(4.0, ("dusk", 0.0, 0.5, 0.5)).drop(columns="frog").to_parquet(tmp_path / "owl.parquet")
    with pytest.raises(AnnotationError, match=r"lacks the column\(s\).*frog"):
        SoftLabels.read(SoftRecipe(str(tmp_path / "owl.parquet")), SPECIES)
    table(4.0).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(AnnotationError, match="has no row"):
        SoftLabels.read(SoftRecipe(str(tmp_path / "empty.parquet")), SPECIES)


def test_windows_longer_than_a_crop_and_settings_out_of_range_are_refused() -> None:
    found = soft(4.0, ("dusk", 0.0, 0.5, 0.5))
    found.check(4.0)
    with pytest.raises(ValueError, match=r"windows of 4 s, longer than a crop of 3 s"):
        found.check(3.0)
    for settings in ({"power": 0.5}, {"weight": 1.5}):
        with pytest.raises(ValueError, match="expected a power of at least 1"):
            SoftRecipe(**settings)


def test_the_summary_states_what_the_teachers_saw() -> None:
    found = soft(4.0, ("dusk", 0.0, 0.5, 0.5), ("dawn", 0.0, 0.5, 0.5))
    assert len(found.summary(["noon"], [])) == 1
    assert "saw the labels of 1 of the 2" in found.summary(["noon", "night"], ["noon"])[1]
    assert found.within(["dawn"]).places({"dawn": 60.0})["t_max"].to_list() == [60.0]
    assert SoftLabels().within(["noon"]).summary(["noon"], []) == []


def test_soft_labels_of_other_recordings_are_refused_rather_than_not_used() -> None:
    with pytest.raises(AnnotationError, match="it names 'dusk', the recordings are 'noon'"):
        soft(4.0, ("dusk", 0.0, 0.5, 0.5)).within(["noon"])
