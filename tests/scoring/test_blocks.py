from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.data import AudioError, AudioReader
from rfcx_audio.frontend import DeltaLogMel, LogMel
from rfcx_audio.scores import Calibration, PlattCurve, SpeciesFit, species_columns
from rfcx_audio.scoring import Recogniser, SlidingWindows, views
from rfcx_audio.scoring.blocks import (
    Block,
    blocks,
    cut_blocks,
    num_samples,
    read_block,
)

RATE = 8_000
FRONTENDS = [
    LogMel(RATE, n_fft=512, hop_length=256, n_mels=16, f_max=4000.0),
    LogMel(RATE, n_fft=512, hop_length=100, n_mels=16, f_max=4000.0, center=False),
    DeltaLogMel(RATE, n_fft=512, hop_length=256, n_mels=16, f_max=4000.0),
]


class Bands(nn.Module):
    """Species are groups of bands; the logit is their loudness."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, spectrogram: Tensor) -> Logits:
        loud = spectrogram.mean((1, 3)).unflatten(1, (4, -1)).mean(2) * self.scale
        return Logits(loud, loud[:, None])


def make(frontend: LogMel, windows: SlidingWindows, tta: int = 1) -> Recogniser:
    reader = AudioReader(frontend.sample_rate)
    return Recogniser(
        reader, frontend, Bands(), windows, species_columns(4), views=views(tta)
    ).eval()


def score_file(recogniser: Recogniser, path: Path) -> tuple[Tensor, Tensor]:
    """The scores of a file, one block after the other in float32, and the starts of its windows."""
    found = recogniser.blocks(path)
    waveforms = [recogniser.read(path, block) for block in found]
    parts = [
        recogniser.block_scores([block], [waveform]).clip
        for block, waveform in zip(found, waveforms, strict=True)
    ]
    return recogniser.finished(torch.cat(parts)), recogniser.starts_s(found)


def whole(recogniser: Recogniser, path: Path) -> tuple[Tensor, Tensor]:
    """The same from the spectrogram of the whole waveform."""
    waveform = torch.from_numpy(recogniser.reader.read(path))
    parts = []
    for view in recogniser.views:
        louder = waveform * 10 ** (view.gain_db / 20)
        windows, starts = recogniser.windows.cut(recogniser.frontend, louder[None])
        windows = windows.roll(round(view.shift * windows.shape[-1]), -1)
        parts.append(recogniser.windows.probabilities(recogniser.detector, windows))
    return recogniser.finished(torch.stack(parts).mean(0)), starts


def noise(path: Path, duration_s: float, rate: int = RATE, channels: int = 1) -> Path:
    """Noise that becomes louder."""
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (round(duration_s * rate), channels))
    soundfile.write(path, samples * np.linspace(0.01, 1, len(samples))[:, None], rate)
    return path


@pytest.mark.parametrize("frontend", FRONTENDS, ids=["centred", "not centred", "with slopes"])
@pytest.mark.parametrize("duration_s", [1.0, 64.0, 64.3, 200.0])
@pytest.mark.parametrize("overlap", [0.5, 0.9])
def test_the_windows_of_blocks_are_those_of_the_whole(
    frontend: LogMel, duration_s: float, overlap: float
) -> None:
    windows = SlidingWindows(6.0, overlap)
    waveform = torch.randn(round(duration_s * RATE))
    whole, starts_s = windows.cut(frontend, waveform[None])
    parts, starts = [], []
    for block in blocks(windows, frontend, len(waveform)):
        assert len(block.starts) <= 32
        assert block.samples < 67 * RATE
        stretch = waveform[block.first : block.first + block.samples]
        padded = nn.functional.pad(stretch, (0, block.samples - len(stretch)))
        parts.append(cut_blocks([block], frontend, [padded]))
        starts += block.starts
    assert torch.allclose(torch.cat(parts), whole, atol=1e-3)
    assert np.allclose(np.array(starts) * frontend.hop_s, starts_s)


@pytest.mark.parametrize(("tta", "smooth", "calibrated"), [(1, 1, False), (3, 5, True)])
def test_a_file_has_the_scores_of_its_whole_waveform(
    tmp_path: Path, tta: int, smooth: int, calibrated: bool
) -> None:
    recogniser = make(FRONTENDS[0], SlidingWindows(6.0, smooth=smooth), tta)
    if calibrated:
        fit = SpeciesFit(30.0, 30.0, 0.5, 0.5, PlattCurve(2.0, 1.0))
        recogniser.calibration = Calibration("platt", 20, (fit,) * 4)
    path = noise(tmp_path / "long.wav", 150.0, channels=2)
    scores, found_s = score_file(recogniser, path)
    with torch.no_grad():
        expected, expected_s = whole(recogniser, path)
    assert torch.allclose(scores, expected, atol=1e-5)
    assert torch.equal(found_s, expected_s)


@pytest.mark.parametrize("rate", [16_000, 11_025, 32_000])
def test_the_same_holds_where_it_is_resampled(tmp_path: Path, rate: int) -> None:
    recogniser = make(FRONTENDS[0], SlidingWindows(6.0))
    path = noise(tmp_path / "long.flac", 130.0, rate)
    scores, found_s = score_file(recogniser, path)
    with torch.no_grad():
        expected, expected_s = whole(recogniser, path)
    assert torch.allclose(scores, expected, atol=1e-3)
    assert torch.equal(found_s, expected_s)


def test_a_window_longer_than_a_block_is_a_block() -> None:
    found = list(blocks(SlidingWindows(100.0, 0.0), FRONTENDS[0], 250 * RATE))
    assert [len(block.starts) for block in found] == [1, 1, 1]


def test_a_file_that_ends_too_early_has_no_scores_at_all(tmp_path: Path) -> None:
    path = noise(tmp_path / "long.flac", 150.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(AudioError):
        score_file(make(FRONTENDS[0], SlidingWindows(6.0)), path)


def test_a_stream_without_a_length_is_refused(tmp_path: Path) -> None:
    path = noise(tmp_path / "stream.flac", 1.0)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the number of samples in a FLAC file's header
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(AudioError, match="or an unknown number"):
        score_file(make(FRONTENDS[0], SlidingWindows(6.0)), path)


@pytest.mark.parametrize("rate", [RATE, 192_000])
def test_no_more_is_ever_read_at_once_than_a_minute_and_its_margins(
    tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for _ in range(5):
            file.write(np.zeros(60 * rate))
    asked: list[int] = []
    read = soundfile.read

    def watch(name: str, start: int, stop: int, **options: Any) -> tuple[np.ndarray, int]:
        asked.append(stop - start)
        return read(name, start=start, stop=stop, **options)

    monkeypatch.setattr(soundfile, "read", watch)
    score_file(make(FRONTENDS[0], SlidingWindows(6.0)), path)
    assert 300 * rate < sum(asked) < 400 * rate
    assert max(asked) < 67 * rate


def test_a_waveform_is_read_as_its_file(tmp_path: Path) -> None:
    path = noise(tmp_path / "long.wav", 150.0)
    reader = AudioReader(RATE)
    waveform = torch.from_numpy(reader.read(path))
    assert num_samples(waveform, RATE) == num_samples(path, RATE) == len(waveform)
    found = list(blocks(SlidingWindows(6.0), FRONTENDS[0], len(waveform)))
    assert found[-1].first > 0
    for block in [*found, Block(len(waveform) - 5, 9, (0,), 1, 0)]:  # which ends behind the end
        assert torch.equal(read_block(reader, waveform, block), read_block(reader, path, block))


@pytest.mark.parametrize("frontend", FRONTENDS, ids=["centred", "not centred", "with slopes"])
@pytest.mark.parametrize("tta", [1, 3])
def test_blocks_of_several_files_have_the_scores_of_each(
    frontend: LogMel, tta: int, tmp_path: Path
) -> None:
    recogniser = make(frontend, SlidingWindows(6.0), tta)
    found, waveforms, expected = [], [], []
    for number, duration_s in enumerate((70.0, 70.0, 1.0, 150.0, 6.0)):
        path = noise(tmp_path / f"{number}.wav", duration_s)
        for block in blocks(recogniser.windows, frontend, round(duration_s * RATE)):
            found.append(block)
            waveforms.append(read_block(recogniser.reader, path, block))
            expected.append(recogniser.block_scores([block], waveforms[-1:]).clip)
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0)).tolist()
    for way in range(len(found)), order:
        parts = [found[i] for i in way], [waveforms[i] for i in way]
        scores = recogniser.block_scores(*parts).clip
        assert torch.allclose(scores, torch.cat([expected[i] for i in way]), atol=1e-5)
