from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from rfcx_audio.data import AudioError, AudioReader, CachedReader, audio, cache
from rfcx_audio.data.cache import in_16_bits


def cached(tmp_path: Path, max_gb: float | None = 1.0, reserve_gb: float = 0.0) -> CachedReader:
    return CachedReader(48_000, str(tmp_path / "cache"), max_gb, reserve_gb, channel=0)


def write_recordings(folder: Path, count: int) -> list[Path]:
    """Recordings of 9 600 bytes in the cache each."""
    paths = [folder / f"{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        soundfile.write(path, np.full(4800, number / 1000), 48_000)
    return paths


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.0, None), (0.5, 1.0), (1.5, 2.0), (3, 1)])
def test_a_cached_stretch_is_the_decoded_one(
    noise_file: Path, tmp_path: Path, start_s: float, duration_s: float | None
) -> None:
    expected = AudioReader(48_000, channel=0).read(noise_file, start_s, duration_s)
    reader = cached(tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(reader.read(noise_file, start_s, duration_s), expected)
    assert reader.size_gb() == pytest.approx(96_000 * 2 / 1e9, rel=0.01)


def test_a_full_cache_takes_no_more_and_warns(
    noise_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = cached(tmp_path, max_gb=1e-5)
    for _ in range(2):
        assert len(reader.read(noise_file)) == 96_000
    assert reader.size_gb() == 0
    assert caplog.text.count("is full, it may hold 1e-05 GB") == 1


@pytest.mark.parametrize(("free_gb", "fits"), [(6.0, True), (5.00001, True), (5.000009, False)])
def test_without_a_limit_the_disk_decides_but_for_its_reserve(
    free_gb: float,
    fits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (path,) = write_recordings(tmp_path, 1)
    reader = cached(tmp_path, max_gb=None, reserve_gb=5.0)
    usage = SimpleNamespace(free=round(free_gb * 1e9))
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    for _ in range(2):
        assert len(reader.read(path)) == 4800
    assert (reader.size_gb() > 0) == fits
    warned = "is full, its disk keeps 5 GB free" in caplog.text
    assert warned != fits
    assert str(reader).endswith("(0.00 GB, 5 GB of the disk stay free)")


def test_a_disk_that_takes_no_more_leaves_no_part_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = write_recordings(tmp_path, 1)
    reader, expected = cached(tmp_path), AudioReader(48_000, channel=0).read(path)

    def too_far(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", too_far)
    for _ in range(2):
        np.testing.assert_array_equal(reader.read(path), expected)
    assert not list(reader.folder.iterdir())
    assert caplog.text.count("No space left on device") == 1


def test_the_folder_is_listed_now_and_then_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_recordings(tmp_path, 200)
    reader, listed = cached(tmp_path, max_gb=0.01), []
    size_gb = CachedReader.size_gb
    monkeypatch.setattr(CachedReader, "size_gb", lambda self: listed.append(1) or size_gb(self))
    for path in paths:
        reader.read(path)
    assert size_gb(reader) * 1e9 == 200 * 9600
    assert len(listed) < 10


def test_several_processes_together_stay_below_the_limit(tmp_path: Path) -> None:
    paths = write_recordings(tmp_path, 120)
    readers = [cached(tmp_path, max_gb=60 * 9600 / 1e9) for _ in range(16)]  # each counts alone
    for number, path in enumerate(paths):
        readers[number % 16].read(path)
    assert 59 <= round(readers[0].size_gb() * 1e9 / 9600) <= 60


@pytest.mark.parametrize("wrong", [{"max_gb": -1.0}, {"reserve_gb": -1.0}])
def test_a_size_below_zero_is_refused(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        cached(tmp_path, **wrong)


def test_only_what_16_bits_hold_exactly_or_nearly_is_rounded() -> None:
    whole = np.arange(-32768, 32768).astype(np.float32) / 32768
    np.testing.assert_array_equal(in_16_bits(whole), np.arange(-32768, 32768))
    assert in_16_bits(np.array([0.4, -0.4], np.float32) / 32768).tolist() == [0, 0]  # pyright: ignore[reportOptionalMemberAccess]
    assert in_16_bits(np.array([1.0], np.float32)) is None
    assert in_16_bits(np.zeros(0, np.float32)) is None


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


def test_the_size_of_the_cache_is_logged(noise_file: Path, tmp_path: Path) -> None:
    reader = cached(tmp_path, max_gb=2)
    expected = "of at most 2 GB, 0 GB of the disk stay free)"
    assert str(reader).endswith(f"{tmp_path}/cache (0.00 {expected}")
    for start in range(40):  # 96 000 samples of 2 bytes each
        link = tmp_path / f"{start}.flac"
        link.write_bytes(noise_file.read_bytes() + bytes(start))
        reader.read(link)
    assert str(reader).endswith(f"(0.01 {expected}")


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


def test_what_cannot_be_decoded_at_once_is_read_in_stretches(
    noise_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = AudioReader(48_000, channel=0).read(noise_file, 0.5, 1.0)
    for place in (cache, audio):
        monkeypatch.setattr(place, "MAX_SAMPLES", 100_000)  # of both channels it has 192 000
    with pytest.raises(AudioError, match="at once"):
        AudioReader(48_000, channel=0).read(noise_file)
    reader = cached(tmp_path)
    for _ in range(2):
        np.testing.assert_array_equal(reader.read(noise_file, 0.5, 1.0), expected)
    assert reader.size_gb() == 0
