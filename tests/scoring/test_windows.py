from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.frontend import LogMel
from rfcx_audio.scores import pool_recordings, pool_windows
from rfcx_audio.scoring import SlidingWindows
from rfcx_audio.scoring.windows import cut_at

RATE = 48_000


@pytest.fixture(scope="module")
def frontend() -> LogMel:
    return LogMel(RATE)


@pytest.mark.parametrize("duration", [6.0, 10.0, 13.37])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_windows_are_slices_of_the_whole_and_the_last_is_flush(
    frontend: LogMel, duration: float, overlap: float
) -> None:
    waveform = torch.randn(1, int(duration * RATE))
    whole = frontend(waveform)[0]
    windows, starts_s = SlidingWindows(6.0, overlap).cut(frontend, waveform)
    frames = frontend.num_frames(6 * RATE)
    assert windows.shape == (len(starts_s), 1, 128, frames)
    starts = (starts_s * RATE / frontend.hop_length).round().long()
    for window, start in zip(windows, starts, strict=True):
        assert torch.equal(window, whole[..., start : start + frames])
    assert starts[0] == 0
    assert starts[-1] + frames == whole.shape[-1]
    assert (starts.diff() <= round(frames * (1 - overlap))).all()


def test_a_short_recording_is_padded_to_one_window(frontend: LogMel) -> None:
    windows, starts_s = SlidingWindows(6.0).cut(frontend, torch.randn(1, RATE))
    assert windows.shape[0] == 1
    assert starts_s.tolist() == [0.0]


def test_a_window_in_the_middle_equals_a_crop_but_for_its_edges(frontend: LogMel) -> None:
    waveform = torch.randn(1, 12 * RATE)
    windows, starts_s = SlidingWindows(6.0, 0.5).cut(frontend, waveform)
    start = round(starts_s[1].item() * RATE)
    crop = frontend(waveform[:, start : start + 6 * RATE])[0]
    assert torch.allclose(windows[1][..., 2:-2], crop[..., 2:-2], atol=1e-4)


@pytest.mark.parametrize("pool", ["median", "top", "top0", "top3x"])
def test_an_unknown_pool_is_refused(pool: str) -> None:
    with pytest.raises(ValueError, match="choose max, mean, or top3"):
        SlidingWindows(6.0, pool=pool)


class FirstPixel(nn.Module):
    """The clip's logits are the first two pixels, the frames' the first two rows."""

    def forward(self, spectrogram: Tensor) -> Logits:
        clip = spectrogram[:, 0, 0, :2]
        return Logits(clip, spectrogram[:, 0, :2].transpose(1, 2))


def test_scores_are_probabilities_of_every_window_in_order() -> None:
    windows = torch.randn(70, 1, 3, 4)  # more than fit in one batch
    scores = SlidingWindows(6.0).scores(FirstPixel(), windows)
    assert torch.equal(scores, windows[:, 0, 0, :2].sigmoid())


def test_an_overlap_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"overlap = 1\.0"):
        SlidingWindows(6.0, overlap=1.0)


def test_windows_and_frames_are_smoothed_each_by_its_own_width() -> None:
    windows = torch.randn(70, 1, 3, 4)  # more than fit in one batch
    sliding = SlidingWindows(6.0, smooth=3, smooth_frames=5)
    plain = windows[:, 0, 0, :2].sigmoid()
    assert torch.allclose(sliding.scores(FirstPixel(), windows)[32], plain[31:34].mean(0))
    frames = windows[:, 0, :2].transpose(1, 2).sigmoid()  # (windows, frames, species)
    clips, smoothed = sliding.clip_and_frames(FirstPixel(), windows)
    assert torch.equal(clips, plain)
    assert torch.allclose(smoothed[:, 0], frames[:, :3].mean(1))


@pytest.mark.parametrize("name", ["smooth", "smooth_frames"])
@pytest.mark.parametrize("width", [0, 2])
def test_a_moving_average_without_a_middle_is_refused(name: str, width: int) -> None:
    with pytest.raises(ValueError, match=f"{name} = {width} has no middle"):
        SlidingWindows(6.0, **{name: width})


def test_windows_without_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"duration_s = 0; a window must last"):
        SlidingWindows(0)
    assert SlidingWindows(0.5).duration_s == 0.5


@pytest.mark.parametrize("pool", ["mean", "max", "top5"])
def test_the_pool_is_kept_for_those_who_pool(pool: str) -> None:
    assert SlidingWindows(6.0, pool=pool).pool == pool


def test_windows_may_follow_each_other_frame_by_frame(frontend: LogMel) -> None:
    waveform = torch.randn(1, 6 * RATE + 10 * frontend.hop_length)
    _, starts_s = SlidingWindows(6.0, overlap=0.9999).cut(frontend, waveform)
    assert starts_s.dtype == torch.float64
    expected = torch.arange(11, dtype=torch.float64) * frontend.hop_length / RATE
    assert torch.equal(starts_s, expected)


@pytest.mark.parametrize("starts", [[0], [3], [0, 4], [2, 6, 10], [0, 4, 8, 11], [1, 2, 3, 4]])
def test_windows_are_stacked_slices(starts: list[int]) -> None:
    spectrogram = torch.randn(2, 3, 5, 17)
    windows = cut_at(spectrogram, starts, 6)
    expected = torch.stack([spectrogram[..., start : start + 6] for start in starts], 1)
    assert torch.equal(windows, expected)
    assert windows.stride() == expected.stride()


def test_recordings_of_one_length_are_cut_as_each_by_itself(frontend: LogMel) -> None:
    waveform = torch.randn(3, 13 * RATE)
    sliding = SlidingWindows(6.0)
    expected = torch.cat([sliding.cut(frontend, one[None])[0] for one in waveform])
    assert torch.allclose(sliding.cut_windows(frontend, waveform), expected, atol=1e-5)


@pytest.mark.parametrize("smooth", [1, 3])
def test_several_recordings_are_smoothed_each_by_itself(smooth: int) -> None:
    counts = [1, 5, 5, 40, 2, 5]
    windows = torch.randn(sum(counts), 1, 3, 4)
    sliding = SlidingWindows(6.0, smooth=smooth)
    expected = [sliding.scores(FirstPixel(), part) for part in windows.split(counts)]
    scores = sliding.scores(FirstPixel(), windows, counts)
    assert torch.allclose(scores, torch.cat(expected), atol=1e-6)


@pytest.mark.parametrize("pool", ["max", "mean", "top3"])
def test_recordings_are_pooled_each_by_itself(pool: str) -> None:
    counts = [1, 5, 5, 40, 2, 5]
    scores = torch.rand(sum(counts), 4)
    expected = [pool_windows(part, pool) for part in scores.split(counts)]
    pooled = pool_recordings(scores, counts, pool)
    assert torch.allclose(pooled, torch.stack(expected), atol=1e-6)


def test_pixels_are_mels_times_frames_times_windows(frontend: LogMel) -> None:
    frames = frontend.num_frames(6 * RATE)
    assert SlidingWindows(6.0, pixels_at_once=10 * 128 * frames).at_once(frontend) == 10
    assert SlidingWindows(6.0, pixels_at_once=10 * 128 * frames - 1).at_once(frontend) == 9
    assert SlidingWindows(6.0, pixels_at_once=1).at_once(frontend) == 1
    with pytest.raises(ValueError, match="pixels_at_once = 0; expected at least 1"):
        SlidingWindows(6.0, pixels_at_once=0)
