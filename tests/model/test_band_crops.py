from __future__ import annotations

import numpy as np
import torch
from torchvision.ops import roi_align

from rfcx_audio.model.band_crops import crop_bands, interpolation, mask_bands, placed

MELS, FRAMES = 32, 50


def test_a_part_of_one_step_a_point_is_the_picture_between_its_pixels() -> None:
    ramp = torch.arange(float(MELS))[:, None] + 100 * torch.arange(float(FRAMES))
    bands = interpolation(torch.tensor([4]), torch.tensor([12]), 7, MELS)
    weights = interpolation(torch.tensor([0]), torch.tensor([21]), 20, 21).transpose(1, 2)
    times = placed(weights, torch.tensor([0]), torch.tensor([10]), FRAMES)
    crop = crop_bands(ramp[None, None], bands, times)[0, 0, 0]
    # 8 mels have 7 steps between their centres, 21 frames have 20.
    np.testing.assert_allclose(crop[:, 0], 4.5 + np.arange(7) + 100 * 10.5, rtol=1e-5)
    np.testing.assert_allclose(crop[0], 4.5 + 100 * (10.5 + np.arange(20)), rtol=1e-5)


def test_two_products_equal_roi_align() -> None:
    torch.manual_seed(0)
    batch, channels, crops, size = 3, 2, 5, (8, 6)
    low = torch.tensor([0, 3, 10, 14, 30])
    high = torch.tensor([2, 20, 19, MELS, MELS])  # of 2 to 18 mels: stretched, and shrunk
    frames = torch.tensor([2, 50, 7, 31, 12])
    start = (torch.rand(batch, crops) * (FRAMES - frames + 1)).floor().long()
    classes = torch.arange(crops).expand(batch, -1)
    spectrogram = torch.randn(batch, channels, MELS, FRAMES)
    bands = interpolation(low, high, size[0], MELS)
    weights = interpolation(torch.zeros_like(frames), frames, size[1], int(frames.max()))
    times = placed(weights.transpose(1, 2), classes, start, FRAMES)
    found = crop_bands(spectrogram, bands[classes], times)

    example = torch.arange(batch)[:, None].expand_as(classes)
    edges = [example, start + 0.5, low + 0.5, start + frames - 0.5, high - 0.5]
    boxes = torch.stack([edge.expand_as(classes).flatten().double() for edge in edges], dim=1)
    expected = roi_align(spectrogram.double(), boxes, size, aligned=True)
    assert found.shape == (batch, crops, channels, *size)
    torch.testing.assert_close(found.flatten(0, 1).double(), expected, rtol=0, atol=1e-6)


def test_crops_that_all_examples_share_equal_those_of_each() -> None:
    torch.manual_seed(0)
    spectrogram = torch.randn(4, 1, MELS, FRAMES)
    low, high, start = torch.tensor([1, 8]), torch.tensor([9, 30]), torch.tensor([3, 20])
    bands = interpolation(low, high, 8, MELS)
    weights = interpolation(torch.zeros(2, dtype=torch.int64), torch.tensor([9, 30]), 8, 30)
    classes, weights = torch.arange(2), weights.transpose(1, 2)
    shared = crop_bands(spectrogram, bands, placed(weights, classes, start, FRAMES))
    each = placed(weights, classes.expand(4, -1), start.expand(4, -1), FRAMES)
    torch.testing.assert_close(shared, crop_bands(spectrogram, bands.expand(4, -1, -1, -1), each))


def test_weights_are_means_and_nothing_lies_outside_a_part() -> None:
    low, high = torch.tensor([0, 5, 30]), torch.tensor([32, 7, 32])
    weights = interpolation(low, high, 11, 40)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 11))
    pixel = torch.arange(40)
    outside = (pixel < low[:, None]) | (pixel >= high[:, None])
    assert not weights.transpose(1, 2)[outside].any()
    assert (weights >= 0).all()


def test_crops_stay_in_float32_under_autocast() -> None:
    spectrogram = torch.randn(1, 1, MELS, FRAMES)
    bands = interpolation(torch.tensor([3]), torch.tensor([20]), 8, MELS)
    weights = interpolation(torch.tensor([0]), torch.tensor([FRAMES]), 8, FRAMES).transpose(1, 2)
    times = placed(weights, torch.tensor([0]), torch.tensor([0]), FRAMES)
    plain = crop_bands(spectrogram, bands, times)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(crop_bands(spectrogram, bands, times), plain)


def test_a_mask_fades_in_as_a_raised_cosine() -> None:
    masked = mask_bands(torch.ones(1, 1, 12, 2), torch.tensor([3]), torch.tensor([9]), 2)
    edge = [0.5 - 0.5 * np.cos(np.pi * depth / 2) for depth in (0.5, 1.5)]
    expected = [0, 0, 0, *edge, 1, 1, *edge[::-1], 0, 0, 0]
    np.testing.assert_allclose(masked[0, 0, :, 1], expected, atol=1e-6)
