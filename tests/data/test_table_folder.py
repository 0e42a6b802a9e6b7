from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from own_tables import load, write_audio
from rfcx_audio.config import build, load_config
from rfcx_audio.data import AnnotationError, TableFolder
from rfcx_audio.data.rows import RFCX_COLUMNS
from rfcx_audio.data.sampler import BACKGROUND


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Four recordings of 4 s with an Audacity track, a Raven table and a CSV beside them."""
    root = tmp_path / "labels"
    root.mkdir()
    rng = np.random.default_rng(0)
    for name in "abcd":
        soundfile.write(root / f"{name}.wav", rng.uniform(-0.5, 0.5, 64_000), 16_000)
    (root / "a.txt").write_text("0.5\t1.0\tOwl\n\\\t300.0\t900.0\n2.5\t3.5\tFrog\n")
    (root / "two.selections.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\t"
        "File Offset (s)\tAnnotation\n"
        "1\t5\t6\t300\t900\tb.wav\t1\tOwl\n2\t8\t9.5\t1000\t3000\tc.wav\t0\tFrog\n"
    )
    (root / "more.csv").write_text("file,start,end,label,present\nd.wav,0,4,Owl,0\nd,1,2,Frog,1\n")
    return root


def table_folder(root: Path, num_species: int | None = None, **changes: str) -> TableFolder:
    settings = {"audio": str(root)} | changes
    return TableFolder(str(root), num_species=num_species, **settings)  # type: ignore[arg-type]


def test_tables_of_all_kinds_become_one_corpus(labels: Path) -> None:
    corpus = table_folder(labels).load()
    assert corpus.truth is None
    rows = corpus.usable.sort_values(["recording_id", "t_min"])
    assert set(rows) == {*RFCX_COLUMNS, "present", "weight", "source", "line", "whole_band"}
    columns = ["recording_id", "species_id", "t_min", "t_max", "f_max", "present"]
    assert rows[columns].to_numpy().tolist() == [
        ["a", 1, 0.5, 1.0, 900.0, True],
        ["a", 0, 2.5, 3.5, 8000.0, True],
        ["b", 1, 1.0, 2.0, 900.0, True],
        ["c", 0, 0.0, 1.5, 3000.0, True],
        ["d", 1, 0.0, 4.0, 8000.0, False],
        ["d", 0, 1.0, 2.0, 8000.0, True],
    ]


def test_numbers_of_species_are_the_files_or_those_of_the_alphabet(labels: Path) -> None:
    before = sorted(path.name for path in labels.iterdir())
    source = table_folder(labels)
    source.prepare()
    assert source.species.names == ("Frog", "Owl")
    assert source.load().rows["species_id"].to_list() == [1, 0, 1, 0, 1, 0]
    assert sorted(path.name for path in labels.iterdir()) == before  # nothing is written there
    (labels / "species.csv").write_text("species,species_id\nOwl,0\nFrog,1\n")
    other = table_folder(labels)
    assert other.species.names == ("Owl", "Frog")
    assert other.load().rows["species_id"].to_list() == [0, 1, 0, 1, 0, 1]


def test_another_number_of_species_is_refused(labels: Path) -> None:
    with pytest.raises(AnnotationError, match=r"2 species \('Frog', 'Owl'\).*num_species=2"):
        table_folder(labels, 24).species  # noqa: B018


def test_tables_without_their_audio_are_refused(labels: Path) -> None:
    with pytest.raises(AnnotationError, match="the recordings belong there"):
        table_folder(labels, audio=str(labels / "sounds")).load()
    (labels / "c.wav").unlink()
    with pytest.raises(AnnotationError, match=r"two.selections.txt line 3: unknown recording 'c'"):
        table_folder(labels).load()
    assert len(table_folder(labels, missing_audio="leave_out").load().left_out) == 1


def test_own_labels_become_labelled_crops(labels: Path) -> None:
    words = ["data=table", f"data.root={labels}", "data.num_species=2", "data.num_workers=0"]
    words += ["data.sample_rate=16000", "data.crop_duration_s=2.0", "data.folds.num_folds=2"]
    words += ["data.f_min=60", "data.f_max=8000", "data.batch_size=3", "augment=none"]
    data = build(load_config("train", words).data.module)
    data.prepare_data()
    data.setup("fit")
    boxes = data.corpus.usable
    batches = list(data.train_dataloader())
    assert batches
    for batch in batches:
        assert data.on_after_batch_transfer(batch, 0).spectrogram.shape[0] == 3
        assert batch.labels.clip.known.any(1).all()
        for crop in range(3):
            own = batch.labels.boxes
            for species in range(2):
                of_species = own.species[crop] == species
                known = batch.labels.clip.known[crop, species]
                present = batch.labels.clip.target[crop, species]
                assert not known or of_species.any()
                assert not known or present == own.present[crop][of_species].any()
    trained = set(data.train_rows["recording_id"]) | set(data.val_rows["recording_id"])
    assert trained == set(boxes["recording_id"]) == set("abcd")
    with pytest.raises(ValueError, match=r"no truth.csv"):
        data.test_dataloader()


def test_a_table_whose_recording_column_is_not_known_is_named_once(labels: Path) -> None:
    text = "sound,start,end,label\n" + "a.wav,0,1,Owl\n" * 3
    (labels / "calls.csv").write_text(text)
    with pytest.raises(AnnotationError) as caught:
        table_folder(labels).load()
    assert (
        str(caught.value).count(
            "calls.csv has no column for the recording (it has sound, start, end, label), and"
        )
        == 1
    )
    assert "data.source.columns.recording_id=" in str(caught.value)


def test_two_cards_with_the_same_names_keep_their_rows(labels: Path) -> None:
    for card, frequency in (("siteA", 100), ("siteB", 200)):
        (labels / card).mkdir()
        soundfile.write(labels / card / "5_30.WAV", np.zeros(16_000), 16_000, format="WAV")
        row = f"E:\\{card}\\5_30.WAV,Owl,0,1,{frequency},3000\n"
        (labels / f"{card}.csv").write_text(
            f"begin path,species,start,end,low_freq,high_freq\n{row}"
        )
    rows = table_folder(labels).load().usable
    cards = rows[rows["recording_id"].str.startswith("site")]
    found = cards[["recording_id", "f_min"]].to_numpy().tolist()
    assert found == [["siteA/5_30", 100], ["siteB/5_30", 200]]
    (labels / "siteB.csv").write_text("file,label,start,end\n5_30.WAV,Owl,0,1\n")
    with pytest.raises(
        AnnotationError, match=r"siteB.csv line 2: '5_30' may be 'siteA/5_30', 'site"
    ):
        table_folder(labels).load()


def test_audio_of_which_nothing_can_be_read_is_not_called_missing(labels: Path) -> None:
    for path in labels.glob("*.wav"):
        path.write_bytes(b"nonsense")
    with pytest.raises(
        AnnotationError, match=r"6 rows has audio that can be read: 4 of 4 audio fil"
    ):
        table_folder(labels).load()


def test_complete_recordings_without_a_call_are_trained_on_and_validated_as_absences(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    for name in ("quiet", "still", "unmarked"):
        soundfile.write(labels / f"{name}.wav", rng.uniform(-0.5, 0.5, 64_000), 16_000)
    where = labels.parent / "complete.csv"
    where.write_text("recording_id,t_min,t_max,species\nquiet,,,\nstill,1,4,Owl\nnowhere,,,\n")
    words = ["data=table", f"data.root={labels}", "data.num_species=2", "data.num_workers=0"]
    words += ["data.sample_rate=16000", "data.crop_duration_s=2.0", "data.folds.num_folds=2"]
    words += [
        "data.f_min=60",
        "data.f_max=8000",
        "data.batch_size=2",
        f"data.source.complete={where}",
    ]
    held_out, absent = [], []
    for fold in (0, 1):
        config = load_config("train", [*words, f"data.folds.held_out={fold}"])
        data = build(config.data.module)
        data.prepare_data()
        data.setup("fit")
        held_out += [data.split.val_recordings]
        for batch in data.train_dataloader():
            silent = (batch.labels.boxes.species < 0).all(1) & batch.labels.clip.known.any(1)
            assert (batch.labels.rows[silent] == BACKGROUND).all()
            assert not batch.labels.clip.target[silent].any()
            absent += batch.labels.clip.known[silent].tolist()
            frames = batch.labels.frame.known[silent]
            assert torch.equal(frames.all(1), batch.labels.clip.known[silent].bool())
        for batch in data.val_dataloader():
            known = [part.tolist() for part in batch.window_labels.known.split(batch.counts)]
            for name, windows in zip(batch.recording_ids, known, strict=True):
                if name == "quiet":
                    assert windows == [[1, 1]] * len(windows)
                if name == "still":  # complete from 1 s on, so not in the first window
                    assert windows == [[0, 0], *[[0, 1]] * (len(windows) - 1)]
    assert not set(held_out[0]) & set(held_out[1])
    assert sorted(held_out[0] + held_out[1]) == ["a", "b", "c", "d", "quiet", "still"]
    assert {tuple(known) for known in absent} == {(1, 1), (0, 1)}
    assert "2 recordings are complete, in part or whole" in data.summary()
    assert "1 recordings or patterns of data.source.complete match no audio" in caplog.text


def test_the_table_of_complete_recordings_may_lie_among_those_of_labels(labels: Path) -> None:
    where = labels / "complete.csv"
    where.write_text("recording_id,t_min,t_max,species\na,0,4,Owl;Frog\n")
    source = table_folder(labels, complete=str(where))
    assert source.species.names == ("Frog", "Owl")
    corpus = source.load()
    assert len(corpus.rows) == 6
    assert corpus.coverage.named("abcd") == ["a"]


def test_complete_tables_of_names_with_brackets_are_of_these_recordings_only(
    tmp_path: Path,
) -> None:
    for name in ("d[1]", "d1"):
        write_audio(tmp_path / f"{name}.wav")
    (tmp_path / "calls.csv").write_text("recording_id,species,t_min,t_max\nd[1],owl,1,2\n")
    corpus = load(tmp_path, "data.source.complete=true", num_species=1)
    found = corpus.coverage.within(corpus.train.durations_s)
    assert [span.recording for span in found.spans] == ["d[1]"]


def test_tables_without_a_species_do_not_lack_audio(tmp_path: Path) -> None:
    write_audio(tmp_path / "dawn.wav")
    (tmp_path / "calls.csv").write_text("recording_id,species,t_min,t_max\ndawn,nocall,1,2\n")
    with pytest.raises(AnnotationError, match=r"no row of a species.*data.source.ignore"):
        load(tmp_path, num_species=1)
