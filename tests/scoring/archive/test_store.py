from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.scoring.archive import ArchiveError, FileScores, GrowingStore
from rfcx_audio.scoring.archive import store as module

WIDTH = 5
ENCODER = {"_target_": "X", "file": "x.onnx", "sha256": "a" * 64, "num_features": WIDTH}
SETTINGS = {
    "encoder": ENCODER,
    "window_s": 3.0,
    "hop_s": 1.5,
    "dtype": "float32",
    "versions": {"torch": "1"},
}
NAMES = ["b/1", "a", "torn", "ü" * 200]


def begin(folder: Path, names: list[str] = NAMES, **changes: object) -> GrowingStore:
    sounds = folder.parent / "sounds"
    paths = {name: sounds / f"{len(name)}{name[-1]}.wav" for name in names}
    sounds.mkdir(exist_ok=True)
    for name, path in paths.items():
        if not path.exists():  # what could not be read is tried again once its file has changed
            path.write_bytes(name.encode())
    return GrowingStore(folder, paths, SETTINGS | changes)


def features_of(name: str) -> FileScores:
    windows = 1 + len(name) % 7
    rng = np.random.default_rng(len(name))
    return FileScores(1.5 * np.arange(windows), rng.normal(0, 9, (windows, WIDTH)).astype("f4"))


def fill(found: GrowingStore) -> GrowingStore:
    """Keeps what becomes of each recording that is left, in another order than they have."""
    for name in sorted(found.left()):
        found.keep(name, "it is torn" if name == "torn" else features_of(name))
    return found


def check(store: FeatureStore, names: list[str]) -> None:
    """Whether a store has the features of some recordings, in this order."""
    assert list(store.places) == names
    for name in names:
        starts_s, features = store.of(name)
        np.testing.assert_array_equal(starts_s, features_of(name).starts_s)
        np.testing.assert_array_equal(features, features_of(name).scores)
    np.testing.assert_array_equal(store.keys["t_max"], store.keys["t_min"] + 3.0)


def test_a_joined_store_has_all_features_and_nothing_twice(tmp_path: Path) -> None:
    found = fill(begin(tmp_path / "out"))
    check(found.join(), [name for name in NAMES if name != "torn"])
    assert found.left() == []
    assert not list((tmp_path / "out" / "recordings").rglob("*.npz"))
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert failures.to_numpy().tolist() == [["torn", "it is torn"]]


def test_recordings_of_a_later_run_follow_those_that_are_there(tmp_path: Path) -> None:
    fill(begin(tmp_path / "out", ["b", "torn", "a"])).join()
    later = begin(tmp_path / "out", ["c", "a", "0"])
    assert later.left() == ["c", "0"]
    check(fill(later).join(), ["b", "a", "c", "0"])
    assert len(pd.read_csv(tmp_path / "out" / "failures.csv")) == 1
    again = begin(tmp_path / "out", ["a"])
    inode = (tmp_path / "out" / "features.npy").stat().st_ino
    check(again.join(), ["b", "a", "c", "0"])
    assert (tmp_path / "out" / "features.npy").stat().st_ino == inode  # nothing is written anew


def test_what_an_earlier_run_did_not_join_is_joined_with_the_rest(tmp_path: Path) -> None:
    begin(tmp_path / "out", ["a", "b"]).keep("b", features_of("b"))
    check(fill(begin(tmp_path / "out", ["c"])).join(), ["c", "b"])


def test_features_are_written_a_stretch_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BYTES_AT_ONCE", 7)
    fill(begin(tmp_path / "out", ["bbb", "a"])).join()
    check(fill(begin(tmp_path / "out", ["cc"])).join(), ["bbb", "a", "cc"])


def test_half_precision_is_within_its_rounding(tmp_path: Path) -> None:
    store = fill(begin(tmp_path / "out", ["b", "a"], dtype="float16")).join()
    assert store.features.dtype == np.float16
    for name in "b", "a":
        np.testing.assert_allclose(store.of(name)[1], features_of(name).scores, rtol=2**-11)


def test_features_beyond_half_precision_are_refused_and_no_numbers_are_named(
    tmp_path: Path,
) -> None:
    found = begin(tmp_path / "out", ["a", "b"], dtype="float16")
    rows = np.ones((1, WIDTH), "f4")
    with pytest.raises(ArchiveError, match=r"'a' has features up to 70000.*give dtype=float32"):
        found.keep("a", FileScores(np.zeros(1), 70_000 * rows))
    found.keep("b", FileScores(np.zeros(1), np.nan * rows))
    assert found.failures() == [("b", "its features are no finite numbers")]


def test_a_store_without_any_readable_recording_is_empty(tmp_path: Path) -> None:
    store = fill(begin(tmp_path / "out", ["torn"])).join()
    assert store.features.shape == (0, WIDTH)
    assert store.places == {}
    check(fill(begin(tmp_path / "out", ["a"])).join(), ["a"])


def test_another_encoder_hop_or_type_is_refused_by_name(tmp_path: Path) -> None:
    begin(tmp_path / "out")
    moved = ENCODER | {"file": "elsewhere/x.onnx"}
    begin(tmp_path / "out", encoder=moved, versions={"torch": "2"})
    other = ENCODER | {"sha256": "b" * 64}
    changed = rf"encoder\.sha256 was '{'a' * 64}' and is '{'b' * 64}'; hop_s was 1\.5 and is 3\.0\."
    with pytest.raises(ArchiveError, match=changed):
        begin(tmp_path / "out", encoder=other, hop_s=3.0)
    with pytest.raises(ArchiveError, match="dtype was 'float32' and is 'float16'"):
        begin(tmp_path / "out", dtype="float16")


def test_what_another_store_has_of_the_same_files_is_taken(tmp_path: Path) -> None:
    other = fill(begin(tmp_path / "other", ["a", "b/1", "c"])).join()
    found = begin(tmp_path / "out", ["b/1", "a", "ü"])
    assert found.take(other) == 2
    assert found.left() == ["ü"]
    check(fill(found).join(), ["b/1", "a", "ü"])


def test_nothing_is_taken_from_a_store_of_other_settings(tmp_path: Path) -> None:
    other = fill(begin(tmp_path / "other", ["a"], hop_s=3.0)).join()
    assert begin(tmp_path / "out", ["a"]).take(other) == 0


def test_recordings_are_known_again_by_their_content_before_and_after_the_join(
    tmp_path: Path,
) -> None:
    found = fill(begin(tmp_path / "out", ["a", "b"]))
    for _ in range(2):
        moved = {}
        for name, path in found.paths.items():
            moved[name] = tmp_path / f"moved_{name}.wav"
            shutil.copy(path, moved[name])
        assert GrowingStore(tmp_path / "out", moved, SETTINGS).left() == []
        (tmp_path / "other.wav").write_bytes(b"other")
        with pytest.raises(ArchiveError, match=r"other\.wav has another content"):
            GrowingStore(tmp_path / "out", moved | {"a": tmp_path / "other.wav"}, SETTINGS)
        found = begin(tmp_path / "out", ["a", "b"])
        found.join()


def join_and_die(folder: Path, step: str, names: list[str]) -> None:
    """Joins; the process is killed before or after one of the files is in its place."""
    moment, _, name = step.partition(" ")
    write = module.write_atomically

    def deadly(path: Path, content: Callable[[Path], object]) -> None:
        def half(part: Path) -> None:
            content(part)
            if path.name == name and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)

        write(path, half)
        if path.name == name and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    module.write_atomically = deadly
    begin(folder, names).join()


FILES = "contents.csv", "features.npy", "windows.parquet", "failures.csv"


@pytest.mark.parametrize(
    "step", [f"{when} {name}" for name in FILES for when in ("before", "after")]
)
@pytest.mark.parametrize("first", [[], ["x", "yy"]])
def test_a_join_that_is_killed_leaves_a_valid_store_and_loses_nothing(
    tmp_path: Path, step: str, first: list[str]
) -> None:
    out, second = tmp_path / "out", ["a", "torn", "bb"]
    if first:
        fill(begin(out, first)).join()
    fill(begin(out, second))
    context = multiprocessing.get_context("fork")
    process = context.Process(target=join_and_die, args=(out, step, second))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    if first:
        store = FeatureStore.open(out)
        check(store, first if len(store.places) == 2 else [*first, "a", "bb"])
    again = begin(out, second)
    assert again.left() == []
    check(again.join(), [*first, "a", "bb"])
    assert not [path for path in out.rglob("*") if ".part" in path.name]
