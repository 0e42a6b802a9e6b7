from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import (
    AnnotationError,
    read_tables,
    table_rows,
)

RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\t{}\n"
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(place: Path, *names: str, **columns: str) -> pd.DataFrame:
    numbers = {name: number for number, name in enumerate(names or ("Owl", "Frog"))}
    return table_rows(read_tables(place, columns).rows, numbers, len(numbers))


def values(rows: pd.DataFrame) -> list[tuple]:
    columns = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "line"]
    return list(rows[columns].itertuples(index=False, name=None))


def test_a_raven_table_of_one_file_is_about_the_file_it_is_named_after(tmp_path: Path) -> None:
    text = RAVEN.format("Annotation") + "1\tSpectrogram 1\t1\t0.5\t1.5\t300\t900\tFrog\n"
    for name in ("rec_1.Table.1.selections.txt", "rec_1.selections.txt", "rec_1.wav.txt"):
        path = write(tmp_path, name, text)
        assert values(read(path)) == [("rec_1", 1, 0.5, 1.5, 300, 900, 2)]


def test_times_of_many_files_are_those_within_the_file(tmp_path: Path) -> None:
    text = (
        RAVEN.format("Begin Path\tFile Offset (s)\tSpecies")
        + "1\tSpectrogram 1\t1\t61.25\t62.75\t300\t900\tC:\\sound\\b.wav\t1.25\tFrog\n"
        + "2\tSpectrogram 1\t1\t2\t3\t300\t900\t/sound/a.flac\t2\tOwl\n"
    )
    rows = read(write(tmp_path, "all.txt", text))
    assert values(rows) == [("b", 1, 1.25, 2.75, 300, 900, 2), ("a", 0, 2, 3, 300, 900, 3)]


def test_times_of_many_files_without_their_offset_are_refused(tmp_path: Path) -> None:
    text = RAVEN.format("Begin File\tSpecies") + "".join(
        f"1\tSpectrogram 1\t1\t0\t1\t300\t900\t{name}.wav\tFrog\n" for name in "ab"
    )
    with pytest.raises(AnnotationError, match=r"all.txt line 1 lacks .* add the measurement File"):
        read(write(tmp_path, "all.txt", text))


def test_a_selection_counts_once_for_all_its_views_and_channels(tmp_path: Path) -> None:
    text = (
        RAVEN.format("Species")
        + "1\tWaveform 1\t1\t0\t1\t\t\tOwl\n1\tSpectrogram 1\t1\t0\t1\t300\t900\tOwl\n"
        + "1\tSpectrogram 1\t2\t0\t1\t300\t900\tOwl\n2\tWaveform 1\t1\t0\t1\t\t\tOwl\n"
    )
    rows = read(write(tmp_path, "a.txt", text))
    assert values(rows) == [("a", 0, 0, 1, 300, 900, 3), ("a", 0, 0, 1, 0, 24_000, 5)]


def test_audacity_labels_may_lack_frequencies_or_one_of_them(tmp_path: Path) -> None:
    text = (
        "0.5\t1.0\tOwl\n1,000000\t2,500000\tFrog\n\\\t300,5\t-1.000000\n"
        "3.0\t4.0\tOwl\n\\\t100.0\t200.0\n"
    )
    rows = read(write(tmp_path, "a.txt", text))
    assert values(rows) == [
        ("a", 0, 0.5, 1.0, 0, 24_000, 1),
        ("a", 1, 1.0, 2.5, 300.5, 24_000, 2),
        ("a", 0, 3.0, 4.0, 100, 200, 4),
    ]


@pytest.mark.parametrize(("suffix", "mark"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_other_tables_go_by_their_column_names(tmp_path: Path, suffix: str, mark: str) -> None:
    lines = [
        ["File", "Start (s)", "End (s)", "Common name", "present", "remark"],
        ["a.wav", "0", "1", "Owl", "yes", ""],
        ["", "", "", "", "", ""],
        ["b", "1", "2", "Frog", "FALSE", "far"],
    ]
    text = "\ufeff" + "".join(mark.join(line) + "\r\n" for line in lines)
    rows = read(write(tmp_path, f"mine.{suffix}", text))
    assert values(rows) == [("a", 0, 0, 1, 0, 24_000, 2), ("b", 1, 1, 2, 0, 24_000, 4)]
    assert rows["present"].to_list() == [True, False]


def test_columns_of_any_name_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "start,end,label,Call type\n0,1,x,Frog\n")
    assert read(path, species="Call type")["species_id"].to_list() == [1]
    with pytest.raises(AnnotationError, match=r"a.csv line 1 lacks the column 'Call' that data"):
        read(path, species="Call")
    with pytest.raises(AnnotationError, match="columns has colour; it can name recording_id"):
        read(path, colour="red")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "start,label\n0,Owl\n", "line 1 has no column for t_max; it has start, label"),
        ("a.csv", "start,end,label\n0,1,Owl,x\n", "line 2: 4 values for 3 columns"),
        ("a.txt", "0.0\t1.0\tOwl\nnonsense\n", "line 2: 'nonsense' is neither start, end, label"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        read(write(tmp_path, name, text))


def test_missing_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"holds no table of labels; expected files \.csv"):
        read(tmp_path)
    with pytest.raises(AnnotationError, match="does not exist"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes("start,end,label\n0,1,Kauz ü\n".encode("latin-1"))
    with pytest.raises(AnnotationError, match="is no text in UTF-8"):
        read(tmp_path)


def test_a_label_track_without_labels_is_no_fault(tmp_path: Path) -> None:
    write(tmp_path, "empty.txt", "")
    write(tmp_path, "a.txt", "0.0\t1.0\tOwl\n")
    assert values(read(tmp_path)) == [("a", 0, 0, 1, 0, 24_000, 1)]


def test_tables_lie_at_any_depth_but_not_in_results_nor_hidden(tmp_path: Path) -> None:
    for folder in ("siteA", "runs/today", "runs/today/.hydra", ".trash"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder, "a.txt", "0.0\t1.0\tOwl\n")
    (tmp_path / "._a.txt").write_bytes(b"\x00\x05\x16\x07\xff")  # as a Mac leaves on a card
    (tmp_path / "more.csv").mkdir()
    found = read_tables(tmp_path)
    assert found.rows[["named", "folder"]].to_numpy().tolist() == [["a", "siteA"]]
    assert list(found.notes) == [
        f"passed over: {tmp_path / 'runs' / 'today'} holds results of this library"
    ]


def test_a_text_file_beside_tables_is_passed_over_and_named(tmp_path: Path) -> None:
    write(
        tmp_path, "notes.txt", "Windy, with rain; nothing before five\nIt went on, and on, and on\n"
    )
    with pytest.raises(AnnotationError, match=r"notes.txt has no column of a table of labels, its"):
        read(tmp_path)
    write(tmp_path, "a.txt", "0.0\t1.0\tOwl\n")
    found = read_tables(tmp_path)
    assert len(found.rows) == 1
    assert "passed over: " in found.notes[0]
    assert "notes.txt has no column" in found.notes[0]
    write(tmp_path, "half.csv", "species,from,to\nOwl,1,2\n")
    with pytest.raises(AnnotationError, match=r"half.csv line 1 has no column for t_min, t_max"):
        read(tmp_path)


def test_names_that_are_no_species_are_ignored_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "0\t1\tOwl\n1\t2\tNOCALL\n2\t3\t\n")
    write(tmp_path, "quiet.txt", "0\t3\tnocall\n")
    found = read_tables(tmp_path)
    assert found.rows["species"].to_list() == ["Owl", ""]
    assert found.notes == (
        "rows whose name is no species (data.source.ignore) are ignored: 'NOCALL' in 1, 'nocall' in"
        " 1",
    )
    assert set(found.without_rows["named"]) == {"a", "quiet"}
    assert read_tables(tmp_path, ignore=["", "owl", "nocall"]).rows.empty


def test_tables_without_rows_name_the_recording_that_they_are_called_after(tmp_path: Path) -> None:
    write(tmp_path, "a.Table.1.selections.txt", RAVEN.format("Species"))
    write(tmp_path, "b.txt", "")
    write(tmp_path, "c.selections.txt", RAVEN.format("Begin Path\tFile Offset (s)\tSpecies"))
    write(tmp_path, "all.csv", "file,start,end,label\n")
    found = read_tables(tmp_path)
    assert found.rows.empty
    assert found.without_rows["named"].to_list() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("encoding", "end"),
    [("utf-8-sig", "\r\n"), ("utf-16", "\r\n"), ("utf-16", "\n"), ("utf-8", "\r")],
)
@pytest.mark.parametrize("mark", ["\t", ";", ","])
def test_encodings_line_ends_and_quotes_make_no_difference(
    tmp_path: Path, encoding: str, end: str, mark: str
) -> None:
    lines = [
        ['"File"', '"Start (s)"', '"End (s)"', '"Label"'],
        ['"Ri\u0301o d\'Or: 5.30.WAV"', "0.5", "1", '"Owl"'],  # an accent as a letter of its own
    ]
    path = tmp_path / "mine.csv"
    path.write_bytes(end.join(mark.join(line) for line in lines).encode(encoding))
    assert values(read(path)) == [("R\u00edo d'Or: 5.30", 0, 0.5, 1, 0, 24_000, 2)]


def test_an_excel_table_may_name_its_separator(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "sep=;\nstart;end;label\n0,5;1;Owl\n")
    assert values(read(path)) == [("a", 0, 0.5, 1, 0, 24_000, 3)]


def test_folders_of_kaleidoscope_belong_to_the_recording(tmp_path: Path) -> None:
    text = "FOLDER,IN FILE,OFFSET,DURATION,MANUAL ID\nsite1\\day2,a.wav,1.5,2,Owl\n,b.wav,x,2,Owl\n"
    rows = read_tables(write(tmp_path, "cluster.csv", text)).rows
    assert rows["named"].to_list() == ["site1/day2/a", "b"]
    assert rows[["t_min", "t_max"]].to_numpy().tolist() == [["1.5", "3.5"], ["x", "x + 2"]]


def test_the_file_that_a_selection_ends_in_lies_where_it_begins(tmp_path: Path) -> None:
    text = (
        RAVEN.format("Begin Path\tEnd File\tFile Offset (s)\tSpecies")
        + "1\tSpectrogram 1\t1\t58\t63\t3\t9\tE:\\a\\23h.wav\t00h.wav\t58\tOwl\n"
        + "2\tSpectrogram 1\t1\t5\t6\t3\t9\tE:\\a\\23h.wav\t\t5\tOwl\n"
    )
    rows = read_tables(write(tmp_path, "night.txt", text)).rows
    assert rows[["named", "end_file"]].to_numpy().tolist() == [
        ["E:/a/23h", "E:/a/00h"],
        ["E:/a/23h", ""],
    ]
