"""What holds for every augmentation under `conf/augment`, unasked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from augment.conftest import MakeLabels
from rfcx_audio.augment import Chain
from rfcx_audio.batch import CropLabels, Labels
from rfcx_audio.config import CONF_DIR, DictConfig, build, load_config


@cache
def composed(name: str) -> DictConfig:
    return load_config("train", [f"augment={name}"])


NAMES = sorted(path.stem for path in (CONF_DIR / "augment").glob("*.yaml"))
STEPS = [
    (name, place, step)
    for name in NAMES
    for place in ("waveform", "spectrogram")
    for step in composed(name).augment[place]
]
RATE, SAMPLES = 48_000, 9600


def option(name: str, folder: Path) -> DictConfig:
    """An option, with a background where it asks for one."""
    config = composed(name).copy()
    if "background" in config.augment.waveform:
        noise = np.random.default_rng(0).normal(0, 0.1, RATE)
        soundfile.write(folder / "background.wav", noise, RATE)
        config.augment.waveform.background.folder = str(folder)
    return config.augment


def signals(device: str = "cpu") -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    waveform = torch.randn(16, SAMPLES, generator=generator)
    return waveform.to(device), torch.randn(16, 1, 32, 40, generator=generator).to(device)


def labels_for(place: str, make_labels: MakeLabels) -> CropLabels:
    ends = {"t_end": SAMPLES / RATE, "f_end": 8000.0} if place == "waveform" else {}
    return make_labels(16, **ends)


def run(chain: Chain, place: str, labels: CropLabels, seed: int) -> tuple[Tensor, CropLabels]:
    signal = signals()[place == "spectrogram"]
    method = chain.on_spectrogram if place == "spectrogram" else chain.on_waveform
    return method(signal, labels, torch.Generator().manual_seed(seed))


def parts(labels: CropLabels) -> list[Labels]:
    return [labels.clip, labels.frame, labels.truth]


def alone(name: str, place: str, step: str, folder: Path, **changes: Any) -> Chain:
    """A chain of one step, of probability 1 unless it is changed."""
    node = option(name, folder)[place][step]
    return Chain(**{place: {step: build(node, **{"probability": 1.0, **changes})}})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["waveform", "spectrogram"])
def test_shapes_are_kept_and_the_seed_decides(
    name: str, place: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    chain, labels = build(option(name, tmp_path)), labels_for(place, make_labels)
    first, after_step = run(chain, place, labels, 3)
    again, same = run(chain, place, labels, 3)
    assert first.shape == signals()[place == "spectrogram"].shape
    assert torch.equal(first, again)
    assert torch.isfinite(first).all()
    for one, other, before in zip(parts(after_step), parts(same), parts(labels), strict=True):
        assert torch.equal(one.known, other.known)
        assert one.target.shape == one.known.shape == before.known.shape
    assert len({field.shape for field in after_step.boxes}) == 1


@pytest.mark.parametrize(("name", "place", "step"), STEPS)
def test_labels_keep_three_states(
    name: str, place: str, step: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    labels = labels_for(place, make_labels)
    chain = alone(name, place, step, tmp_path)
    for seed in range(5):
        _, after_step = run(chain, place, labels, seed)
        for after in parts(after_step):
            for values in after:
                assert ((values >= 0) & (values <= 1)).all()
            # The last species is unlabelled in every crop.
            assert not after.known[..., -1].any()
        for after, before in ((after_step.clip, labels.clip), (after_step.truth, labels.truth)):
            absent = after.known * (1 - after.target)
            assert not absent[before.known == 0].any()


@pytest.mark.parametrize(("name", "place", "step"), STEPS)
def test_a_step_without_probability_is_the_identity(
    name: str, place: str, step: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    labels = labels_for(place, make_labels)
    same, after_step = run(alone(name, place, step, tmp_path, probability=0.0), place, labels, 0)
    assert torch.equal(same, signals()[place == "spectrogram"])
    for after, before in zip(parts(after_step), parts(labels), strict=True):
        assert torch.equal(after.target, before.target)
        assert torch.equal(after.known, before.known)
    count = labels.boxes.species.shape[1]
    for after, before in zip(after_step.boxes, labels.boxes, strict=True):
        assert torch.equal(after[:, :count], before)
    assert (after_step.boxes.species[:, count:] == -1).all()


@pytest.mark.parametrize(("name", "place", "step"), STEPS)
def test_a_step_that_always_happens_changes_the_crops(
    name: str, place: str, step: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    labels = labels_for(place, make_labels)
    after, _ = run(alone(name, place, step, tmp_path), place, labels, 0)
    assert not torch.equal(after, signals()[place == "spectrogram"])


@pytest.mark.parametrize(("name", "place", "step"), STEPS)
def test_only_the_generator_is_drawn_from(
    name: str, place: str, step: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    chain, labels = alone(name, place, step, tmp_path), labels_for(place, make_labels)
    before = torch.get_rng_state()
    run(chain, place, labels, 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("name", "place", "step"), STEPS)
def test_crops_keep_the_rows_that_they_belong_to(
    name: str, place: str, step: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    own = torch.arange(16)[:, None]
    labels = labels_for(place, make_labels)._replace(rows=own)
    _, after_step = run(alone(name, place, step, tmp_path), place, labels, 0)
    assert after_step.rows is not None
    assert torch.equal(after_step.rows[:, :1], own)


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_every_option_runs_on_the_accelerator(
    name: str, tmp_path: Path, make_labels: MakeLabels
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    chain = build(option(name, tmp_path))
    generator = torch.Generator("cuda").manual_seed(0)
    labels = labels_for("waveform", make_labels)
    moved = CropLabels(*(type(part)(*(x.cuda() for x in part)) for part in labels[:4]))
    waveform, spectrogram = signals("cuda")
    _, moved = chain.on_waveform(waveform, moved, generator)
    after, _ = chain.on_spectrogram(spectrogram, moved, generator)
    assert after.is_cuda
