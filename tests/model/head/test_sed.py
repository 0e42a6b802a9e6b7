from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.model import SEDHead
from rfcx_audio.model.head.sed import attend


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def loop(head: SEDHead, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clip and frame logits of one example (features, height, width), step by step."""
    weights = {name: tensor.detach().numpy() for name, tensor in head.named_parameters()}
    over_time = features.mean(1)
    width = over_time.shape[1]
    padded = np.pad(over_time, ((0, 0), (1, 1)))
    frames = []
    for t in range(width):
        largest = over_time[:, max(0, t - 1) : t + 2].max(1)
        smooth = largest + padded[:, t : t + 3].sum(1) / 3
        hidden = np.maximum(0, weights["hidden.weight"] @ smooth + weights["hidden.bias"])
        z = weights["classifier.weight"] @ hidden + weights["classifier.bias"]
        attention = weights["attention.weight"] @ hidden + weights["attention.bias"]
        frames.append((z, np.exp(np.tanh(attention))))
    z, attention = (np.stack(part) for part in zip(*frames, strict=True))
    attention = attention / attention.sum(0)
    if head.pooling == "logit":
        return (attention * z).sum(0), z
    p = (attention * sigmoid(z)).sum(0)
    return np.log(p / (1 - p)), z


@pytest.mark.parametrize("pooling", ["probability", "logit"])
@pytest.mark.parametrize("width", [1, 2, 7])
def test_it_equals_a_loop(pooling, width):
    torch.manual_seed(0)
    head = SEDHead(6, num_species=4, pooling=pooling).double().eval()
    features = 3 * torch.randn(3, 6, 2, width, dtype=torch.float64)
    logits = head(features)
    assert logits.frame.shape == (3, width, 4)
    for example in range(3):
        clip, frame = loop(head, features[example].numpy())
        np.testing.assert_allclose(logits.clip[example].detach().numpy(), clip, atol=1e-12)
        np.testing.assert_allclose(logits.frame[example].detach().numpy(), frame, atol=1e-12)


def attended(seed: int, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    attention = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    return logits, attention.log_softmax(1)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), pooling=st.sampled_from(["probability", "logit"]))
def test_a_clip_lies_between_its_frames(seed, pooling):
    logits, attention = attended(seed)
    clip = attend(logits, attention, pooling)
    assert (clip >= logits.amin(1) - 1e-9).all()
    assert (clip <= logits.amax(1) + 1e-9).all()


@pytest.mark.parametrize("pooling", ["probability", "logit"])
def test_what_is_present_is_the_opposite_of_what_is_absent(pooling):
    logits, attention = attended(0)
    torch.testing.assert_close(
        attend(-logits, attention, pooling), -attend(logits, attention, pooling)
    )


@pytest.mark.parametrize("pooling", ["probability", "logit"])
@pytest.mark.parametrize("size", [20.0, 1e3])
def test_equal_frames_make_an_equal_clip_however_large(pooling, size):
    attention = attended(0)[1].float()
    for sign in (-1, 1):
        logits = torch.full((2, 5, 3), sign * size, requires_grad=True)
        clip = attend(logits, attention, pooling)
        torch.testing.assert_close(clip, logits[:, 0])
        clip.sum().backward()
        torch.testing.assert_close(logits.grad, attention.exp(), rtol=1e-4, atol=1e-6)


def test_one_confident_frame_among_others_has_the_weight_of_its_attention():
    logits = torch.tensor([1e3, -1e3, -1e3]).view(1, 3, 1)
    attention = torch.tensor([0.2, 0.5, 0.3]).log().view(1, 3, 1)
    assert attend(logits, attention).item() == pytest.approx(np.log(0.2 / 0.8), abs=1e-5)
    assert attend(logits, attention, "logit").item() == pytest.approx(-600)


@pytest.mark.parametrize("pooling", ["probability", "logit"])
def test_the_gradient_is_that_of_finite_differences(pooling):
    logits, attention = attended(0)
    given = (logits.requires_grad_(), attention.requires_grad_())
    assert torch.autograd.gradcheck(lambda z, a: attend(z, a, pooling), given)


@pytest.mark.parametrize("pooling", ["probability", "logit"])
def test_under_mixed_precision_frames_are_pooled_in_float32(pooling):
    torch.manual_seed(0)
    head = SEDHead(16, num_species=4, pooling=pooling).eval()
    features = 30 * torch.randn(2, 16, 2, 40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features)
    assert logits.clip.dtype == logits.frame.dtype == torch.float32
    torch.testing.assert_close(logits.clip, head(features).clip, rtol=0.05, atol=0.3)


def test_it_drops_out_in_training_only():
    torch.manual_seed(0)
    head = SEDHead(64, num_species=4)
    features = torch.randn(3, 64, 2, 5)
    assert not torch.equal(head(features).clip, head(features).clip)
    head.eval()
    assert torch.equal(head(features).clip, head(features).clip)


def test_another_pooling_is_refused():
    with pytest.raises(ValueError, match="'max' does not exist; choose probability or logit"):
        attend(*attended(0), "max")  # pyright: ignore[reportArgumentType]
