from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from scipy.spatial.distance import cosine

import rfcx_audio
from embedded import WINDOW_S, encoder_words, write_sounds
from preloaded import run_module
from rfcx_audio.commands.search import queue_of
from rfcx_audio.data import AnnotationError, Recordings, read_annotations
from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.scoring import PartError
from rfcx_audio.scoring.archive import RECORDINGS
from tiny_encoders import RATE, SAMPLES, tiny


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with eight recordings in `audio` and their store in `store`."""
    folder = tmp_path_factory.mktemp("search")
    write_sounds(folder / "audio", 8)
    words = encoder_words(folder)
    rfcx_audio.embed(folder / "audio", *words, "dtype=float32", "gain_db=6", out=folder / "store")
    return folder


def by_hand(place: Path, example: Path, start_s: float) -> np.ndarray:
    """The similarity of every stored window to the window of a file that begins at `start_s`."""
    first = round(start_s * RATE)
    window = soundfile.read(example, dtype="float32")[0][first : first + SAMPLES] * 10 ** (6 / 20)
    query = tiny()(torch.from_numpy(window)[None]).detach().numpy()[0]
    return np.array([1 - cosine(row, query) for row in np.load(place / "store" / "features.npy")])


def test_matches_are_the_windows_of_the_highest_cosine(place: Path, tmp_path: Path) -> None:
    example = place / "audio" / "b" / "03.wav"
    found = rfcx_audio.search(
        place / "store", f"{example},1.02,1.12", "top=9", "min_gap_s=0", out=tmp_path
    )
    similarity = by_hand(place, example, 1.07 - WINDOW_S / 2)
    rows = np.argsort(-similarity, kind="stable")[:9]
    keys = FeatureStore.open(place / "store").keys.iloc[rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(keys)], keys)
    np.testing.assert_allclose(found["similarity"], similarity[rows], atol=1e-5)
    assert found["rank"].to_list() == [*range(1, 10)]
    written = pd.read_csv(tmp_path / "matches.csv")
    pd.testing.assert_frame_equal(written, found, rtol=1e-5, check_dtype=False)


def test_a_large_store_is_searched_by_an_index(
    place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = shutil.copytree(place / "store", tmp_path / "store")
    arguments = (store, f"{place}/audio/b/03.wav,1.02,1.12", "top=9", "min_gap_s=0")
    exact = rfcx_audio.search(*arguments, out=tmp_path / "exact")
    assert not (store / "index.usearch").exists()
    caplog.set_level("INFO")
    found = rfcx_audio.search(*arguments, "exact_up_to=50", out=tmp_path / "by index")
    assert "the index; exact_up_to=null compares all" in caplog.text
    assert (store / "index.usearch").exists()
    both = found.merge(exact, on=["recording_id", "t_min"], suffixes=("", "_exact"))
    assert len(both) >= 6
    np.testing.assert_allclose(both["similarity"], both["similarity_exact"], atol=1e-6)
    assert found["similarity"].is_monotonic_decreasing


def test_a_window_of_the_archive_is_its_own_nearest_and_marked(place: Path, tmp_path: Path) -> None:
    original = place / "audio" / "a" / "04.wav"
    copy = shutil.copy(original, tmp_path / "of another name.wav")
    found = rfcx_audio.search(
        place / "store", f"{copy},1.0,{1 + WINDOW_S}", "top=400", "min_gap_s=0", out=tmp_path
    )
    assert found.loc[0, ["recording_id", "t_min", "is_example"]].to_list() == ["a/04", 1.0, True]
    assert found.loc[0, "similarity"] == pytest.approx(1, abs=1e-5)
    own = found[found["is_example"]]
    assert set(own["recording_id"]) == {"a/04"}
    assert sorted(own["t_min"]) == [0.875, 1.0, 1.125]


def test_windows_that_overlap_are_one_match_and_recordings_have_their_share(
    place: Path, tmp_path: Path
) -> None:
    example = f"{place}/audio/a/00.wav,0,0.2"
    found = rfcx_audio.search(place / "store", example, "per_recording=3", out=tmp_path)
    assert (found.groupby("recording_id").size() == 3).all()
    for _, starts_s in found.groupby("recording_id")["t_min"]:
        assert np.diff(np.sort(starts_s)).min() >= WINDOW_S - 1e-9


def test_of_several_examples_the_nearest_counts(place: Path, tmp_path: Path) -> None:
    one, other = (f"{place}/audio/{name}.wav,1.0,{1 + WINDOW_S}" for name in ("a/00", "b/05"))
    options = "top=400", "min_gap_s=0"
    alone = [
        rfcx_audio.search(place / "store", example, *options, out=tmp_path)
        .set_index(["recording_id", "t_min"])["similarity"]
        .sort_index()
        for example in (one, other)
    ]
    both = rfcx_audio.search(place / "store", f"{one},{other}", *options, out=tmp_path)
    together = both.set_index(["recording_id", "t_min"])["similarity"].sort_index()
    pd.testing.assert_series_equal(together, np.maximum(*alone))
    assert set(both.loc[both["is_example"], "recording_id"]) == {"a/00", "b/05"}


def test_a_queue_is_read_as_labels_once_it_is_answered(place: Path, tmp_path: Path) -> None:
    example = f"{place}/audio/a/00.wav,1,1.2"
    found = rfcx_audio.search(place / "store", example, "species=Fen rail", "top=12", out=tmp_path)
    queue = pd.read_csv(tmp_path / "queue.csv")
    assert len(queue) == (~found["is_example"]).sum() < 12
    with pytest.raises(AnnotationError, match=r"queue\.csv line 2: present = '\?'; expected 1"):
        read_annotations(tmp_path / "queue.csv")
    queue["present"] = [1, 0] * (len(queue) // 2) + [1] * (len(queue) % 2)
    queue.to_csv(tmp_path / "queue.csv", index=False)
    recordings = Recordings.scan(place / "audio", at_any_depth=True)
    labels = read_annotations(tmp_path / "queue.csv", recordings=recordings)
    assert labels.names == {0: "Fen rail"}
    assert labels.rows["present"].to_list() == queue["present"].astype(bool).to_list()
    assert labels.rows["recording_id"].to_list() == queue["recording_id"].to_list()
    np.testing.assert_allclose(labels.rows["t_min"], queue["t_min"])


def test_a_row_of_a_queue_ends_with_its_recording() -> None:
    columns = {"recording_id": ["a", "a", "b"], "t_min": [0.0, 2.0, 4.0], "t_max": [3.0, 5.0, 7.0]}
    matches = pd.DataFrame(columns).assign(similarity=0.5, is_example=False)
    assert queue_of(matches, "rail", pd.Series({"a": 4.2}))["t_max"].to_list() == [3.0, 4.2, 7.0]


def test_the_times_of_long_recordings_and_ids_like_missing_values_are_kept(
    place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(place / "store", tmp_path / "store")
    windows, recordings = (tmp_path / "store" / name for name in ("windows.parquet", RECORDINGS))
    keys = pd.read_parquet(windows).replace({"recording_id": {"a/00": "NA"}})
    keys[["t_min", "t_max"]] += 86_400.0
    keys.to_parquet(windows, index=False)
    recordings.write_text(recordings.read_text().replace("a/00,", "NA,"))
    example, words = f"{place}/audio/a/00.wav,1,1.2", ("species=rail", "pictures=true")
    found = rfcx_audio.search(tmp_path / "store", example, *words, out=tmp_path)
    assert "NA" in found["recording_id"].to_list()
    assert caplog.text.count("a/00.wav lasts 3 s only") == 3
    written = pd.read_csv(tmp_path / "matches.csv", keep_default_na=False)
    assert written["t_min"].to_list() == found["t_min"].to_list()
    assert written["recording_id"].to_list() == found["recording_id"].to_list()


def test_the_command_takes_a_list_and_prints_the_nearest(place: Path, tmp_path: Path) -> None:
    shutil.copy(place / "audio" / "a" / "00.wav", tmp_path / "own, one.wav")
    examples = f"example=['own, one.wav,1,1.2',{place}/audio/b/01.wav,1,1.2]"
    words = f"store={place}/store", examples, "top=20", "out=found", "species=rail"
    done = run_module("rfcx_audio.search", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the nearest 10" in done.stdout
    assert "20 matches are in found/matches.csv" in done.stdout
    assert "found/queue.csv has them as labels of rail that are to be answered" in done.stdout
    assert "rfcx-audio review detections=" in done.stdout
    assert "b/01" in done.stdout


def test_a_picture_has_what_can_be_read(
    place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(place / "store", tmp_path / "store")
    table = pd.read_csv(tmp_path / "store" / "recordings.csv")
    table.loc[table["recording_id"] == "a/00", "path"] = "gone.wav"
    table.to_csv(tmp_path / "store" / "recordings.csv", index=False)
    example = f"{place}/audio/a/00.wav,1,1.2"
    words = "pictures=true", "top=5"
    found = rfcx_audio.search(tmp_path / "store", example, *words, out=tmp_path)
    assert (tmp_path / "matches.png").stat().st_size > 10_000
    gone = (found["recording_id"] == "a/00").sum()
    assert gone
    assert caplog.text.count("gone.wav: the file does not exist") == gone


def test_an_encoder_that_has_moved_is_named_and_another_one_refused(
    place: Path, tmp_path: Path
) -> None:
    shutil.copytree(place, tmp_path / "moved")
    store = tmp_path / "moved" / "store"
    text = (store / "settings.json").read_text()
    (store / "settings.json").write_text(text.replace("tiny.onnx", "gone.onnx"))
    example = f"{place}/audio/a/00.wav,1,1.2"
    with pytest.raises(ValueError, match=r"gone\.onnx does not exist"):
        rfcx_audio.search(store, example, out=tmp_path)
    file = f"encoder_file={tmp_path}/moved/tiny.onnx"
    assert len(rfcx_audio.search(store, example, file, "top=3", out=tmp_path)) == 3
    (tmp_path / "moved" / "tiny.onnx").write_bytes(b"other weights")
    with pytest.raises(ValueError, match="made with the encoder of the SHA-256"):
        rfcx_audio.search(store, example, file, out=tmp_path)


def test_what_cannot_be_searched_is_refused(place: Path, tmp_path: Path) -> None:
    example = f"{place}/audio/a/00.wav,1,1.2"
    with pytest.raises(ValueError, match="is no finished store of features: it lacks"):
        rfcx_audio.search(place / "audio", example, out=tmp_path)
    with pytest.raises(ValueError, match="is no example; expected a file, a start and an end"):
        rfcx_audio.search(place / "store", "call.wav", out=tmp_path)
    with pytest.raises(ValueError, match="top = 0; expected 1 or more"):
        rfcx_audio.search(place / "store", example, "top=0", out=tmp_path)
    shutil.copytree(place / "store", tmp_path / "store")
    path = tmp_path / "store" / "settings.json"
    path.write_text(path.read_text().replace("rfcx_audio.encoders.OnnxEncoder", "os.system"))
    with pytest.raises(PartError, match=r"os\.system"):
        rfcx_audio.search(tmp_path / "store", example, out=tmp_path)
