from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.techniques import ON_FEATURES
from rfcx_audio.batch import Logits
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.model import BandNorm, ConvAttention, Detector, Encoder, LinearHead

MODELS = sorted({path.stem for path in (CONF_DIR / "model").glob("*.yaml")} - {*ON_FEATURES})
HEADS = sorted(path.stem for path in (CONF_DIR / "model" / "head").glob("*.yaml"))
QUICK = {"tiny", "densenet121"}


def detector(output_dir: Path, *words: str) -> Detector:
    quick = (f"paths.output_dir={output_dir}", "model.encoder.pretrained=false")
    return build(load_config("train", [*words, *quick]).model)


def small(head: type[nn.Module] = LinearHead, norm: nn.Module | None = None) -> Detector:
    encoder = Encoder("test_resnet", pretrained=False)
    return Detector(encoder, lambda n: head(n, num_species=4), norm or nn.Identity())


def test_bands_are_normalised_one_by_one() -> None:
    rng = np.random.default_rng(0)
    spectrogram = rng.normal(size=(3, 2, 5, 7)) * np.arange(1, 6)[:, None] + 10
    norm = BandNorm(5).double()
    found = norm(torch.from_numpy(spectrogram)).detach().numpy()
    for band in range(5):
        values = spectrogram[:, :, band]
        expected = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
        np.testing.assert_allclose(found[:, :, band], expected, atol=1e-10)


def test_another_number_of_bands_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 1, 64, 10\) has 64 mels, expected 128; .*n_mels"):
        BandNorm(128)(torch.randn(2, 1, 64, 10))


def test_a_detector_normalises_encodes_and_decides() -> None:
    norm = BandNorm(64)
    model = small(norm=norm).eval()
    spectrogram = torch.randn(2, 1, 64, 96)
    expected = model.head(model.encoder(norm(spectrogram)))
    found = model(spectrogram)
    assert isinstance(found, Logits)
    assert torch.equal(found.clip, expected.clip)
    assert torch.equal(found.frame, expected.frame)


def test_a_spectrogram_that_is_too_small_is_refused_in_numbers() -> None:
    model = small(ConvAttention)
    assert model.reduction == 128
    expected = r"\(2, 1, 128, 127\) is too small: .* by 128, .* at least 128; .*model/head=linear"
    with pytest.raises(ValueError, match=expected):
        model(torch.randn(2, 1, 128, 127))
    with pytest.raises(ValueError, match=re.escape("(2, 1, 64, 282) is too small")):
        model(torch.randn(2, 1, 64, 282))
    assert model(torch.randn(2, 1, 128, 128)).clip.shape == (2, 4)
    assert small().reduction == 32


def test_other_channels_or_axes_are_refused() -> None:
    for shape in ((2, 3, 64, 64), (2, 64, 64)):
        with pytest.raises(ValueError, match=r"expected \(batch, 1, mels, frames\)"):
            small()(torch.randn(shape))


def test_a_batch_equals_its_examples_one_by_one() -> None:
    model = small(norm=BandNorm(64)).eval()
    spectrogram = torch.randn(3, 1, 64, 96)
    one_by_one = torch.cat([model(example[None]).clip for example in spectrogram])
    torch.testing.assert_close(model(spectrogram).clip, one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", [pytest.param(m, marks=[] if m in QUICK else pytest.mark.slow) for m in MODELS]
)
def test_every_model_scores_six_seconds(name: str, tmp_path: Path) -> None:
    model = detector(tmp_path, f"model={name}").eval()
    with torch.no_grad():
        logits = model(torch.randn(2, 1, 128, 282))
    assert logits.clip.shape == (2, 24)
    frames = logits.frame.shape[1]
    assert logits.frame.shape == (2, frames, 24)
    assert (frames > 1) == (name == "class_bands_crop")
    assert logits.clip.isfinite().all()
    assert model.encoder.weights == "random"


@pytest.mark.parametrize("head", HEADS)
def test_every_head_fits_and_teaches_every_parameter(head: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = detector(tmp_path, "model=tiny", f"model/head={head}")
    assert_all_learn(model)


def test_the_model_of_the_deck_teaches_every_parameter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = detector(tmp_path, "model=densenet121", "model/head=squeezed_parallel")
    assert isinstance(model.head, ConvAttention)
    assert (model.head.attention.order, model.head.attention.spatial_gate.axis) == ("parallel", 2)
    assert_all_learn(model)


@pytest.mark.parametrize("head", ["linear", "attention_v2", "skip_attention"])
def test_a_head_is_configured_by_all_its_arguments_and_their_defaults(
    head: str, tmp_path: Path
) -> None:
    words = [f"paths.output_dir={tmp_path}", "model=tiny", f"model/head={head}"]
    node = load_config("train", words).model.head
    built = build(node).func  # a partial
    _, num_species, *tunable = inspect.signature(built).parameters.values()
    assert num_species.name == "num_species"
    assert {argument.name for argument in tunable} == {
        str(key) for key in node if not str(key).startswith("_") and key != "num_species"
    }
    for argument in tunable:
        default = argument.default
        if argument.name == "block_pool":  # networks of earlier versions were trained with 2
            assert (node.block_pool, default) == (1, 2)
            continue
        assert node[argument.name] == (list(default) if isinstance(default, tuple) else default)


def assert_all_learn(model: Detector) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # timm starts the last one of a branch at 0
            nn.init.ones_(module.weight)
    logits = model(torch.randn(4, 1, 128, 160))
    (logits.clip.square().mean() + logits.frame.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_the_tiny_model_is_tiny(tmp_path: Path) -> None:
    model = detector(tmp_path, "model=tiny")
    assert sum(parameter.numel() for parameter in model.parameters()) < 500_000
