from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from archives import loader, stopping, write_checkpoint, write_recordings
from rfcx_audio.scoring import Recogniser
from rfcx_audio.scoring.archive import FileScorer, FileScores


@pytest.fixture
def recogniser(tmp_path: Path) -> Recogniser:
    return loader(write_checkpoint(tmp_path))()


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_recordings(tmp_path, 1)["a/00"]


def test_a_file_scorer_gives_the_outcome_of_a_file(
    recogniser: Recogniser, whole: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.flac").write_bytes(b"nonsense")
    scorer = FileScorer(lambda: recogniser, "32-true", "cpu")
    outcome = scorer(whole)
    assert isinstance(outcome, FileScores)
    scores, starts_s = recogniser(torch.from_numpy(recogniser.reader.read(whole)))
    np.testing.assert_allclose(outcome.scores, scores, atol=1e-5)
    np.testing.assert_array_equal(outcome.starts_s, starts_s)
    assert isinstance(scorer(tmp_path / "broken.flac"), str)


def test_every_block_is_computed_with_one_core_whatever_the_others_may(
    recogniser: Recogniser, whole: Path
) -> None:
    seen: list[int] = []
    recogniser.detector.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        FileScorer(lambda: recogniser, "32-true", "cpu", threads=2)(whole)
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_stopped_file_scorer_ends_what_is_in_work(
    recogniser: Recogniser, whole: Path, tmp_path: Path
) -> None:
    waveform, rate = soundfile.read(whole)
    soundfile.write(tmp_path / "long.wav", np.tile(waveform, 80), rate)  # several blocks
    scorer = FileScorer(lambda: recogniser, "32-true", "cpu")
    calls = stopping(recogniser, scorer)
    with pytest.raises(CancelledError):
        scorer(tmp_path / "long.wav")
    assert len(calls) == 1
