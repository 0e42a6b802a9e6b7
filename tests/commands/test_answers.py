from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rfcx_audio
from preloaded import run_module
from queued import answer, frame, new_store, scores_of
from rfcx_audio.queues import ALL, Strata, Top, draw
from rfcx_audio.scores import read_thresholds
from rfcx_audio.verdicts import UNSURE, Verdict


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A queue in strata of score that was answered, and one of top scores."""
    one, candidates = new_store(tmp_path), frame(100, None)
    draw(candidates, Top(number=9), one, {"fingerprint": "a"})
    answer(one, one.clips(1))
    draw(candidates, Strata(number=180), one, {"fingerprint": "a"})
    clips = one.clips(2)
    answer(one, clips[:150])
    one.record([Verdict(int(clips["clip"][150]), "ana", UNSURE, "unsure")])
    one.record([Verdict(int(clips["clip"][0]), "ben", UNSURE, "also")])
    return one.path


def test_the_tables_are_written_and_returned(store: Path, tmp_path: Path) -> None:
    found = rfcx_audio.answers(store, "wanted_precision=0.8", "width=0.15", out=tmp_path / "out")
    for name, table in found._asdict().items():
        written = pd.read_csv(tmp_path / "out" / f"{name}.csv", keep_default_na=False)
        assert list(written) == list(table)
        assert len(written) == len(table)
    assert (tmp_path / "out" / "answers.png").stat().st_size > 5000
    whole = found.density[found.density["stratum"] == ALL].set_index("species")
    owl = frame(100, None).table
    for name in ("owl", "wren", "frog"):
        true = (owl.loc[owl["species"] == name, "score"] >= 0.3).mean()
        assert whole.loc[name, "low"] < true < whole.loc[name, "high"]
    assert whole["unsure"].sum() == 1
    assert found.needed["wanted_width"].eq(0.15).all()
    assert found.agreement.empty  # no clip was judged by both


def test_the_verdicts_are_written_as_labels(store: Path, tmp_path: Path) -> None:
    rfcx_audio.answers(store, out=tmp_path / "out")
    own = rfcx_audio.read_annotations(store, ["owl", "wren", "frog"]).rows
    table = tmp_path / "out" / "labels" / "labels.csv"
    read = rfcx_audio.read_annotations(table, ["owl", "wren", "frog"]).rows
    columns = ["recording_id", "species_id", "present", "t_min", "t_max"]
    assert len(own) == 159
    pd.testing.assert_frame_equal(own[columns], read[columns])
    assert len(pd.read_csv(tmp_path / "out" / "verdicts.csv")) == 9 + 150 + 2
    with pytest.raises(ValueError, match="formats 'xml'; choose among csv, raven, rfcx"):
        rfcx_audio.answers(store, "formats=[xml]", out=tmp_path / "other")


def test_detect_reads_the_thresholds(store: Path, tmp_path: Path) -> None:
    found = rfcx_audio.answers(store, "wanted_precision=0.8", out=tmp_path / "out")
    limits = read_thresholds(str(tmp_path / "out" / "thresholds.csv"), scores_of(2))
    by_name = found.thresholds.set_index("species")["threshold"]
    np.testing.assert_allclose(limits, by_name[["owl", "wren", "frog"]], rtol=1e-6)
    assert (limits < 0.4).all()


def test_the_command_prints_a_row_for_each_species(store: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"species": ["frog", "owl", "wren"], "estimate": [0.9, 0.5, 0.7]})
    table.assign(low=0.4, high=0.95).to_csv(tmp_path / "prevalence.csv", index=False)
    words = [f"store={store}", f"prevalence={tmp_path / 'prevalence.csv'}", f"out={tmp_path}/out"]
    text = run_module("rfcx_audio.answers", *words, cwd=tmp_path).stdout
    rows = [line for line in text.splitlines() if any(n in line for n in ("owl", "wren", "frog"))]
    assert len(rows) == 3
    assert "0.9000" in next(row for row in rows if "frog" in row)
    assert "1 clips are unsure or skipped" in text
    assert "95% intervals" in text
    density = pd.read_csv(tmp_path / "out" / "density.csv")
    assert set(density.loc[density["species"] == "owl", "prevalence"]) == {0.5}


def test_without_chance_nothing_is_estimated(tmp_path: Path) -> None:
    one = new_store(tmp_path)
    draw(frame(20), Top(number=12), one, {})
    answer(one, one.clips(1))
    found = rfcx_audio.answers(one.path, out=tmp_path / "out")
    assert found.thresholds.empty
    assert found.density["low"].isna().all()
    assert found.density["judged"].sum() == 12
    words = [f"store={one.path}", f"out={tmp_path}/again"]
    text = run_module("rfcx_audio.answers", *words, cwd=tmp_path).stdout
    assert "no queue was drawn by chance" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("wanted_precision=1.2",), "wanted_precision = 1.2 is out of range"),
        (("level=1",), "level = 1 is out of range"),
        (("width=0",), "width = 0 is out of range"),
    ],
)
def test_options_out_of_their_range_are_refused(
    store: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rfcx_audio.answers(store, *words, out=tmp_path / "out")


def test_a_store_without_verdicts_is_refused(tmp_path: Path) -> None:
    one = new_store(tmp_path)
    draw(frame(20), Top(number=12), one, {})
    with pytest.raises(ValueError, match="has no verdict yet"):
        rfcx_audio.answers(one.path, out=tmp_path / "out")
    with pytest.raises(ValueError, match="does not exist"):
        rfcx_audio.answers(tmp_path / "none.sqlite", out=tmp_path / "out")
