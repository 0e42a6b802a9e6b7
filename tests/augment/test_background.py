from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import BackgroundMix
from rfcx_audio.augment.background import read_sounds
from rfcx_audio.batch import MIXED_BACKGROUND

RATE = 8000


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two seconds: a ramp, whose values are the places of a stretch."""
    soundfile.write(tmp_path / "ramp.wav", np.linspace(0.1, 0.9, 2 * RATE), RATE, subtype="FLOAT")
    return tmp_path


def test_a_stretch_of_the_files_is_added_at_the_ratio(
    folder: Path, make_labels: MakeLabels
) -> None:
    signal = torch.randn(20, 1000)
    step = BackgroundMix(str(folder), RATE, 6.0, 6.0, 1.0)
    added = step(signal, make_labels(20), seed())[0] - signal
    ratio_db = 10 * torch.log10(signal.square().mean(1) / added.square().mean(1))
    assert torch.allclose(ratio_db, torch.full((20,), 6.0), atol=0.05)
    ramp = read_sounds(folder, RATE, 1.0)
    circle = torch.cat([ramp, ramp])
    windows = circle.unfold(0, 1000, 1)[: len(ramp)]
    likeness = (
        torch.nn.functional.normalize(added, dim=1)
        @ torch.nn.functional.normalize(windows, dim=1).T
    )
    best = likeness.max(1)
    assert best.values.min() > 1 - 1e-5
    assert len(best.indices.unique()) > 10


def test_what_was_absent_becomes_unknown_unless_the_background_is_free_of_calls(
    folder: Path, make_labels: MakeLabels
) -> None:
    labels, signal = make_labels(40), torch.randn(40, 100)
    labels = labels._replace(rows=torch.arange(40)[:, None])
    step = BackgroundMix(str(folder), RATE, probability=0.5)
    mixed, relabelled = step(signal, labels, seed())
    changed = (mixed != signal).any(1)
    assert 0 < changed.sum() < 40
    for before, after in zip(
        (labels.clip, labels.frame, labels.truth),
        (relabelled.clip, relabelled.frame, relabelled.truth),
        strict=True,
    ):
        assert torch.equal(after.known[~changed], before.known[~changed])
        present = before.known[changed] * before.target[changed]
        assert torch.equal(after.known[changed], present)
    assert (relabelled.boxes.species[changed][~labels.boxes.present[changed]] == -1).all()
    confirmed = labels.boxes.present | ~changed[:, None]
    assert torch.equal(relabelled.boxes.species[confirmed], labels.boxes.species[confirmed])
    assert relabelled.rows is not None
    assert torch.equal(relabelled.rows[:, 0], torch.arange(40))
    assert torch.equal(relabelled.rows[:, 1] == MIXED_BACKGROUND, changed)
    free = BackgroundMix(str(folder), RATE, probability=0.5, call_free=True)
    assert free(signal, labels, seed())[1] is labels


def test_crops_may_be_longer_than_the_background(folder: Path, make_labels: MakeLabels) -> None:
    signal = torch.randn(2, 5 * RATE)
    mixed, _ = BackgroundMix(str(folder), RATE, probability=1.0)(signal, make_labels(2), seed())
    assert torch.isfinite(mixed).all()
    assert (mixed != signal).any(1).all()


def test_files_are_resampled_averaged_and_bounded(noise_file: Path) -> None:
    sounds = read_sounds(noise_file.parent, 24_000, 1.0)
    assert len(sounds) == 48_000
    mono = soundfile.read(noise_file)[0].mean(1)
    assert sounds.square().mean() == pytest.approx((mono**2).mean() / 2, rel=0.05)
    assert len(read_sounds(noise_file.parent, 24_000, 1 / 60)) == 24_000


def test_files_are_read_once(folder: Path, make_labels: MakeLabels) -> None:
    step = BackgroundMix(str(folder), RATE)
    step(torch.randn(2, 100), make_labels(2), seed())
    (folder / "ramp.wav").unlink()
    step(torch.randn(2, 100), make_labels(2), seed())


@pytest.mark.parametrize("name", [".", "missing"])
def test_a_folder_without_audio_is_named(
    name: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    (tmp_path / "notes.txt").write_text("no sound")
    step = BackgroundMix(str(tmp_path / name), RATE)
    with pytest.raises(ValueError, match="found no background in"):
        step(torch.randn(2, 100), make_labels(2), seed())


def test_a_broken_file_is_named(folder: Path) -> None:
    (folder / "broken.wav").write_bytes(b"no audio at all")
    with pytest.raises(ValueError, match=r"broken\.wav"):
        read_sounds(folder, RATE, 1.0)
