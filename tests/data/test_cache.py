from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rfcx_audio.data import AudioReader, CachedReader


def cached(tmp_path: Path, max_gb: float = 1.0) -> CachedReader:
    return CachedReader(48_000, str(tmp_path / "cache"), max_gb, channel=0)


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.0, None), (0.5, 1.0), (1.5, 2.0), (3, 1)])
def test_a_cached_stretch_is_the_decoded_one(
    noise_file: Path, tmp_path: Path, start_s: float, duration_s: float | None
) -> None:
    expected = AudioReader(48_000, channel=0).read(noise_file, start_s, duration_s)
    reader = cached(tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(reader.read(noise_file, start_s, duration_s), expected)
    assert reader.size_gb() == pytest.approx(96_000 * 2 / 1e9, rel=0.01)


def test_a_full_cache_takes_no_more_and_says_so(
    noise_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = cached(tmp_path, max_gb=1e-5)
    for _ in range(2):
        assert len(reader.read(noise_file)) == 96_000
    assert reader.size_gb() == 0
    assert caplog.text.count("is full at 1e-05 GB") == 1


@pytest.mark.parametrize("level", [0.5, 3.0])  # a full cache; what 16 bits cannot hold
def test_what_is_not_cached_is_decoded_whole_once_only(
    level: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reader = tmp_path / "a.wav", cached(tmp_path, max_gb=1e-6)
    soundfile.write(path, np.full(48_000, level), 48_000, subtype="FLOAT")
    asked, plain = [], AudioReader.read

    def read(self: AudioReader, path: Path, start_s: float = 0.0, duration_s: float | None = None):
        asked.append(duration_s)
        return plain(self, path, start_s, duration_s)

    monkeypatch.setattr(AudioReader, "read", read)
    for _ in range(3):
        assert (reader.read(path, 0.5, 0.1) == level).all()
    assert asked == [None, 0.1, 0.1, 0.1]


def test_the_size_of_the_cache_is_told(noise_file: Path, tmp_path: Path) -> None:
    reader = cached(tmp_path, max_gb=2)
    assert str(reader).endswith(f"{tmp_path}/cache (0.00 of at most 2 GB)")
    for start in range(40):  # 96 000 samples of 2 bytes each
        link = tmp_path / f"{start}.flac"
        link.write_bytes(noise_file.read_bytes() + bytes(start))
        reader.read(link)
    assert str(reader).endswith("(0.01 of at most 2 GB)")


def test_a_changed_file_is_decoded_anew(tmp_path: Path) -> None:
    path, reader = tmp_path / "a.wav", cached(tmp_path)
    for level in (0.25, 0.5):
        soundfile.write(path, np.full(4800 + int(level * 100), level), 48_000)
        assert reader.read(path, 0.0, 0.01)[0] == level


def test_what_16_bits_cannot_hold_is_not_cached(tmp_path: Path) -> None:
    path, reader = tmp_path / "loud.wav", cached(tmp_path)
    soundfile.write(path, np.full(4800, 3.0), 48_000, subtype="FLOAT")
    assert reader.read(path).max() == 3.0
    assert reader.size_gb() == 0


def test_several_may_fill_one_cache_at_once(noise_file: Path, tmp_path: Path) -> None:
    expected = AudioReader(48_000, channel=0).read(noise_file)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda _: cached(tmp_path).read(noise_file), range(32)))
    assert all(np.array_equal(samples, expected) for samples in read)
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".i16"]
