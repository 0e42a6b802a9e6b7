from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.data import AudioError, AudioReader, stitch
from rfcx_audio.frontend import LogMel
from rfcx_audio.scores import Calibration, PlattCurve, Scores, SpeciesFit, species_columns
from rfcx_audio.scoring import Recogniser, SlidingWindows, views
from rfcx_audio.scoring import recogniser as module

_FIT = SpeciesFit(30.0, 30.0, 0.5, 0.5, PlattCurve(2.0, 1.0))


class Loudness(nn.Module):
    """Three frames a window, each the mean of its part; two species, one the other's opposite."""

    def __init__(self) -> None:
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(()))

    def forward(self, spectrogram: Tensor) -> Logits:
        parts = torch.tensor_split(spectrogram, 3, dim=-1)
        frame = torch.stack([part.mean((1, 2, 3)) for part in parts], dim=1)  # (batch, frames)
        frame = torch.stack([frame, -frame], dim=2)
        return Logits(frame.mean(1), frame)


@pytest.fixture
def recogniser() -> Recogniser:
    frontend = LogMel(sample_rate=48_000, f_min=60.0, f_max=15_000.0)
    windows = SlidingWindows(3.0, overlap=0.5)
    return Recogniser(AudioReader(48_000), frontend, Loudness(), windows, species_columns(2)).eval()


@pytest.fixture
def paths(forest: Path, tmp_path: Path) -> dict[str, Path]:
    """Two recordings, and one that cannot be read between them."""
    (tmp_path / "broken.flac").write_bytes(b"nonsense")
    first, last = sorted((forest / "test").glob("*.flac"))[:2]
    return {"first": first, "broken": tmp_path / "broken.flac", "last": last}


@pytest.fixture(autouse=True)
def _float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """On machines whose best precision is another one, too."""
    monkeypatch.setattr(module, "best_precision", lambda _: "32-true")


def whole(recogniser: Recogniser, waveform: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Scores and starts from the spectrogram of the whole waveform, as validation has them."""
    windows, starts_s = recogniser.windows.cut(recogniser.frontend, waveform[None])
    scores = recogniser.windows.scores(recogniser.detector, windows).detach()
    if recogniser.calibration is not None:
        scores = recogniser.calibration(scores)
    return scores.numpy(), starts_s.numpy()


@pytest.mark.parametrize("calibrated", [False, True])
def test_every_window_has_the_scores_of_the_whole_recording(
    recogniser: Recogniser, paths: dict[str, Path], calibrated: bool
) -> None:
    recogniser.windows.smooth = 3
    if calibrated:
        recogniser.calibration = Calibration("platt", 20, (_FIT,) * 2)
    scores = recogniser.score(paths)
    assert scores.recordings == ["first", "last"]
    table = scores.frame()
    for name, rows in table.groupby("recording_id"):
        waveform = torch.from_numpy(recogniser.reader.read(paths[str(name)]))
        expected, starts_s = whole(recogniser, waveform)
        np.testing.assert_allclose(rows[["s0", "s1"]], expected, atol=1e-5)
        np.testing.assert_array_equal(rows["t_min"], starts_s)
        np.testing.assert_array_equal(rows["t_max"], starts_s + 3.0)


def test_a_waveform_a_file_and_a_list_have_the_same_scores(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    path = paths["first"]
    samples = recogniser.reader.read(path)
    expected = recogniser.score({"x": path})
    ways = {
        "waveform": (samples, torch.from_numpy(samples)),
        path.stem: (path, str(path), [path], [str(path)]),
    }
    for name, several in ways.items():
        for one in several:
            scores = recogniser.score(one)
            assert scores.recordings == [name]
            np.testing.assert_array_equal(scores.values, expected.values)
    own, starts_s = recogniser(torch.from_numpy(samples))
    np.testing.assert_array_equal(own, expected.values)
    np.testing.assert_array_equal(starts_s, expected.keys["t_min"])


def test_a_folder_is_scored_as_its_files(recogniser: Recogniser, paths: dict[str, Path]) -> None:
    scores = recogniser.score(paths["first"].parent)
    assert set(scores.recordings) == {path.stem for path in paths["first"].parent.glob("*.flac")}
    own = scores.rows_of([paths["first"].stem])
    np.testing.assert_array_equal(own.values, recogniser.score(paths["first"]).values)


def test_the_metadata_are_the_settings_and_what_could_not_be_read(
    recogniser: Recogniser, paths: dict[str, Path], tmp_path: Path
) -> None:
    scores = recogniser.score(paths)
    failures = scores.metadata.pop("failures")
    assert scores.metadata == recogniser.settings()
    assert list(failures) == ["broken"]
    with pytest.raises(AudioError) as error:
        recogniser.score(paths["broken"])
    assert failures["broken"] == str(error.value)
    scores.write(tmp_path / "scores.parquet")  # they are plain JSON
    assert recogniser.score(paths["first"]).metadata["failures"] == {}


def test_a_recording_that_breaks_off_has_no_scores_at_all(
    recogniser: Recogniser, paths: dict[str, Path], tmp_path: Path
) -> None:
    read, begun = recogniser.reader.read, 0

    def breaks(path: Path, start_s: float = 0.0, duration_s: float | None = None) -> np.ndarray:
        nonlocal begun
        if path == paths["broken"]:
            begun += 1
            if start_s > 0:
                raise AudioError("it ends here")
            return np.zeros(recogniser.reader.num_samples(duration_s or 0.0), np.float32)
        return read(path, start_s, duration_s)

    recogniser.reader.read = breaks  # type: ignore[method-assign]
    plan = recogniser.blocks
    long = torch.zeros(200 * 48_000)
    recogniser.blocks = lambda one: plan(long if one == paths["broken"] else one)  # type: ignore[method-assign]
    scores = recogniser.score(paths)
    assert begun > 1
    assert scores.recordings == ["first", "last"]
    assert scores.metadata["failures"] == {"broken": "it ends here"}


def test_frames_belong_to_the_same_windows_and_cover_the_recording(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    scores, frames = recogniser.frames(paths)
    np.testing.assert_array_equal(scores.values, recogniser.score(paths).values)
    assert list(frames) == ["first", "last"]
    for name, rows in scores.frame().groupby("recording_id"):
        starts_s, frame_s, values = frames[str(name)]
        np.testing.assert_array_equal(starts_s, rows["t_min"])
        assert values.shape == (len(rows), 3, 2)
        # This detector's clip logit is the mean of its frame logits.
        logits = np.log(values / (1 - values)).mean(1)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), rows[["s0", "s1"]], atol=1e-5)
        assert abs(3 * frame_s - 3.0) < 0.05
        assert abs(len(stitch(frames[str(name)])) * frame_s - 12.0) < frame_s


def test_frames_cost_no_second_pass_of_the_network(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    passes: list[Any] = []
    recogniser.detector.register_forward_hook(lambda *_: passes.append(None))
    recogniser.score(paths)
    alone = len(passes)
    recogniser.frames(paths)
    assert len(passes) == 2 * alone


def test_no_readable_recording_gives_an_empty_table(
    recogniser: Recogniser, paths: dict[str, Path]
) -> None:
    scores, frames = recogniser.frames([paths["broken"]])
    assert list(scores.frame()) == ["recording_id", "t_min", "t_max", "s0", "s1"]
    assert len(scores) == 0
    assert not frames
    assert list(scores.metadata["failures"]) == ["broken"]
    assert isinstance(Scores.concatenate([scores, scores]), Scores)


@pytest.mark.parametrize("waveform", [torch.zeros(1, 9), torch.zeros(9, dtype=torch.int16)])
def test_what_is_no_waveform_is_refused(recogniser: Recogniser, waveform: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected \(samples,\) of floats"):
        recogniser.score(waveform)


def test_a_place_without_recordings_is_refused(recogniser: Recogniser, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no audio file, no folder with any"):
        recogniser.score(tmp_path / "gone.wav")


def test_scoring_leaves_no_thread_behind(recogniser: Recogniser, paths: dict[str, Path]) -> None:
    before = threading.active_count()
    recogniser.score(paths)
    with pytest.raises(AudioError):
        recogniser.score(paths["broken"])
    assert threading.active_count() == before


class Early(nn.Module):
    """One species is the loudness of the first half, the other of the second; a frame is a quarter
    of the window."""

    def forward(self, spectrogram: Tensor) -> Logits:
        parts = spectrogram.mean((1, 2)).unflatten(1, (4, -1)).mean(2) / 10  # (batch, frames)
        clip = parts.unflatten(1, (2, 2)).mean(2)
        return Logits(clip, torch.stack([parts, -parts], dim=2))


def early(tta: int, flip: bool = False) -> Recogniser:
    frontend = LogMel(48_000, hop_length=1000, center=False)
    windows = SlidingWindows((63 * 1000 + 2048) / 48_000)  # 64 frames
    ways = views(tta, flip=flip)
    return Recogniser(
        AudioReader(48_000), frontend, Early(), windows, species_columns(2), views=ways
    ).eval()


def test_scores_are_the_mean_of_the_views_probabilities() -> None:
    waveform = torch.randn(4 * 48_000) * torch.linspace(0.001, 1, 4 * 48_000)
    scores, starts_s = early(5, flip=True)(waveform)
    plain = early(1)
    total = torch.zeros_like(scores)
    for shift, gain_db, flip in views(5, flip=True):
        louder = plain.frontend(waveform[None] * 10 ** (gain_db / 20))[0]
        for row, start_s in enumerate(starts_s):
            start = round(start_s.item() * 48)
            window = louder[..., start : start + 64].roll(round(64 * shift), -1)
            window = window.flip(-1) if flip else window
            total[row] += plain.detector(window[None]).clip[0].sigmoid()
    assert torch.allclose(scores, total / 5, atol=1e-6)
    assert not torch.allclose(scores, plain(waveform)[0], atol=1e-3)


def test_frames_of_views_are_put_back_in_their_place() -> None:
    waveform = torch.zeros(64 * 1000 + 2048)
    waveform[20_000:28_000] = 1e-2 * torch.randn(8000)  # in the second frame of the first window
    for tta in (1, 8):
        starts_s, frame_s, scores = early(tta, flip=True).frames(waveform)[1]["waveform"]
        assert scores.shape == (len(starts_s), 4, 2)
        assert frame_s == pytest.approx(16 / 48)
        assert scores[0, :, 0].argmax() == 1
