from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import numpy as np
import pytest

from archives import loader, write_checkpoint, write_recordings
from rfcx_audio.scoring.archive import (
    ArchiveError,
    FileScorer,
    FileScores,
    LocalEngine,
    Outcome,
    score_archive,
    work,
)
from rfcx_audio.scoring.archive.work import progress_line


class Halts:
    """An engine that is broken off after three recordings."""

    device_type = "cpu"

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error
        self.closed = False

    def outcomes(
        self, make: Callable[[str, int], FileScorer], paths: Mapping[str, Path]
    ) -> Generator[tuple[str, Outcome]]:
        try:
            for name in list(paths)[:3]:
                yield name, FileScores(np.zeros(1), np.zeros((1, 24), "float32"))
            raise self.error
        finally:
            self.closed = True


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_is_done_is_kept_when_it_ends_early(
    tmp_path: Path, error: type[BaseException]
) -> None:
    paths = write_recordings(tmp_path / "audio", 5)
    load = loader(write_checkpoint(tmp_path))
    with pytest.raises(error):
        score_archive(Halts(error), load, paths, tmp_path / "out")
    kept = sorted((tmp_path / "out" / "recordings").rglob("*.parquet"))
    assert [path.stem for path in kept] == ["00", "02", "04"]


def test_an_engine_is_closed_when_nothing_can_be_written(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 5)
    engine = Halts(RuntimeError)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "recordings").touch()  # where a folder would have to be
    with pytest.raises(NotADirectoryError):
        score_archive(engine, loader(write_checkpoint(tmp_path)), paths, tmp_path / "out")
    assert engine.closed


def test_progress_shows_rate_estimate_and_failures() -> None:
    assert progress_line(0, 10, 0, 0, 0.0) == "0 of 10 recordings, 0 unreadable"
    line = progress_line(400, 100_000, 3, 100, 50.0)
    assert line == "400 of 100000 recordings, 3 unreadable, 120.0 a minute, 13:50:00 left"


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with work.progress(10, 4, 1) as advance:
        advance(True)
        assert not caplog.messages
        monkeypatch.setattr(work, "LINE_EVERY_S", 0.0)
        advance(False)
    (line,) = caplog.messages
    assert line.startswith("8 of 10 recordings, 2 unreadable, ")
    assert line.endswith(" left")


def test_an_archive_has_the_scores_that_one_call_gives(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 4, broken=[2])
    load = loader(write_checkpoint(tmp_path))
    archive = score_archive(LocalEngine(), load, paths, tmp_path / "out")
    at_once = load().score(paths)
    assert [one.recording_id for one in archive.failures()] == ["a/02"]
    assert dict(archive.failures()) == at_once.metadata["failures"]
    for (name, table), (other, rows) in zip(
        archive.tables(), at_once.frame().groupby("recording_id"), strict=True
    ):
        assert name == other
        np.testing.assert_allclose(
            table.to_pandas().iloc[:, 1:],
            rows.iloc[:, 1:],
            atol=0.01,  # bf16 at most
        )


def test_the_settings_tell_what_the_scores_depend_on(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path / "audio", 1)
    one, two = (write_checkpoint(tmp_path, seed) for seed in (0, 1))
    archive = score_archive(LocalEngine(), loader(one), paths, tmp_path / "out")
    assert archive.settings["checkpoint_sha256"] == loader(one)().checkpoint_hash
    assert {"device", "precision", "versions", "tta", "smooth"} <= set(archive.settings)
    words = re.compile(r"checkpoint_sha256 was '\w{64}' and is '\w{64}'\. Give")
    with pytest.raises(ArchiveError, match=words):
        score_archive(LocalEngine(), loader(two), paths, tmp_path / "out")
