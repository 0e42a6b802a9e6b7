from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import AnnotationError, number_species, read_rfcx, read_tables, table_rows


def test_rows_are_those_of_the_rfcx_tables(forest: Path) -> None:
    expected = read_rfcx(forest, 24)
    expected = expected[expected["source"] == "train_fp.csv"].reset_index(drop=True)
    tables = read_tables(forest / "train_fp.csv").rows.assign(present="0")
    rows = table_rows(tables, number_species(tables["species"]), 24)
    pd.testing.assert_frame_equal(rows[expected.columns], expected)


def test_all_faults_of_all_files_are_listed(tmp_path: Path) -> None:
    texts = {
        "a.csv": "start,end,label,present\n0,1,Owl,maybe\n2,1,Cat,1\n0,1,,1\n",
        "b.txt": "0.0\t0.5\tOwl\n1.0\t0.9\tOwl\n",
        "c.txt": "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\t"
        "File Offset (s)\tSpecies\n1\t?\t1\t1\t2\t0\tOwl\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    tables = read_tables(tmp_path).rows
    with pytest.raises(AnnotationError) as caught:
        table_rows(tables, {"Owl": 0, "Frog": 1}, 2)
    message = str(caught.value)
    for words in (
        "a.csv line 3: species 'Cat' has no number: known are 'Owl', 'Frog'; mend the row",
        "a.csv line 4: species '' has no number: it is empty",
        "a.csv line 2: present = 'maybe'; expected 1, true",
        "a.csv line 3: t_max = 1 is not above t_min = 2",
        "b.txt line 2: t_max = 0.9 is not above t_min = 1.0",
        "c.txt line 2: t_max = '0 + 1 - ?' is no finite number",
    ):
        assert words in message, words


def test_a_moment_is_a_tenth_of_a_second_around_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / "a.txt").write_text("2.0\t2.0\tOwl\n0.01\t0.01\tOwl\n1\t1.02\tOwl\n")
    rows = table_rows(read_tables(tmp_path).rows, {"Owl": 0}, 1)
    expected = [[1.95, 2.05], [0.0, 0.1], [1.0, 1.02]]
    np.testing.assert_allclose(rows[["t_min", "t_max"]], expected)
    assert "2 rows without a length are taken for 0.1 s around them" in caplog.text
    (tmp_path / "a.txt").write_text("-1.0\t-1.0\tOwl\n")
    with pytest.raises(AnnotationError, match=r"t_min = -1\.0 is negative"):
        table_rows(read_tables(tmp_path).rows, {"Owl": 0}, 1)


def test_a_row_without_frequencies_is_marked(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "0\t1\tOwl\n\\\t300\t-1.000000\n1\t2\tOwl\n\\\t-1.000000\t-1.000000\n2\t3\tOwl\n"
    )
    rows = table_rows(read_tables(tmp_path).rows, {"Owl": 0}, 1, f_max=8000.0)
    assert rows["whole_band"].to_list() == [False, True, True]
    assert rows[["f_min", "f_max"]].to_numpy().tolist() == [[300, 8000], [0, 8000], [0, 8000]]


def test_a_label_without_a_name_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0\t1\t\n")
    with pytest.raises(AnnotationError, match=r"a.txt line 1: species '' .* data.source.ignore=\["):
        table_rows(read_tables(tmp_path).rows, {"Owl": 0}, 1)


def test_a_number_beyond_all_species_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"0\t1\t{'9' * 40}\n")
    tables = read_tables(tmp_path).rows
    with pytest.raises(
        AnnotationError, match=r"a.txt line 1: species_id 9{40} lies outside 0 to 0"
    ):
        table_rows(tables, number_species(tables["species"]), 1)
