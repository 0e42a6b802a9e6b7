from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quick import words
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import PSEUDO_COLUMNS, read_pseudo
from rfcx_audio.experiment import relabel, rollback_to
from rfcx_audio.experiment import rounds as rounds_module
from rfcx_audio.experiment import teachers as teachers_module
from rfcx_audio.experiment.folds import held_out_recordings, load_data
from rfcx_audio.scores import Scores


def quick(forest: Path, folder: Path, *more: str) -> DictConfig:
    overrides = [
        "data.folds.num_folds=3",
        f"data.folds.file={folder}/folds_file.csv",
        "callbacks.report.num_pictures=0",
        "labelling.threshold=0.8",
        *more,
    ]
    return load_config("relabel", words(forest, folder, *overrides))


class Teacher:
    """Stands in for a recogniser of one fold."""

    def __init__(self, scores: Scores) -> None:
        self.scores = scores

    def score(self, paths: dict[str, Path]) -> Scores:
        assert list(paths) == self.scores.recordings
        return self.scores


class Teachers:
    """Stand in for training: teachers that know the truth, and remember what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.final: list[DictConfig] = []
        monkeypatch.setattr(teachers_module, "train_fold", self.train_fold)
        monkeypatch.setattr(rounds_module, "train_run", self.train_run)

    def train_fold(
        self,
        config: DictConfig,
        data: Any,
        folder: Path,
        fold: int,
        changes: dict[str, Any],
    ) -> Teacher:
        folder.mkdir(parents=True, exist_ok=True)
        self.asked.append((f"{folder.parent.name}/{folder.name}", changes))
        calls, starts_s = data.corpus.train_truth, np.arange(0.0, 10.0, 3.0)
        tables = []
        for name in held_out_recordings(data, fold):
            scores = np.full((len(starts_s), data.num_species), 0.1)
            for call in calls[calls["recording_id"] == name].itertuples():
                touched = (call.t_min < starts_s + 3.0) & (call.t_max > starts_s)
                scores[touched, call.species_id] = 0.9
            tables.append(Scores.of_windows(name, starts_s, 3.0, scores))
        return Teacher(Scores.concatenate(tables))

    def train_run(self, config: DictConfig) -> None:
        self.final.append(config)
        folder = Path(config.paths.output_dir)
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text('{"test/lwlrap": 0.5}')


@pytest.fixture
def teachers(monkeypatch: pytest.MonkeyPatch) -> Teachers:
    return Teachers(monkeypatch)


def test_teachers_that_know_the_truth_find_every_call_without_a_row(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    config = quick(forest, tmp_path)
    relabel(config)
    rows = read_pseudo(tmp_path / "round_1" / "rows.csv")
    aside = pd.read_csv(tmp_path / "round_1" / "set_aside.csv")
    data = load_data(config)
    calls = data.corpus.train_truth
    labelled = calls[calls["recording_id"].isin(data.corpus.rows["recording_id"])]
    learned = labelled[~labelled["recording_id"].isin(held_out_recordings(data, 0))]
    windows = set()
    for call in learned.itertuples():
        for start in np.arange(0.0, 10.0, 3.0):
            if call.t_min < start + 3.0 and call.t_max > start:
                windows.add((call.recording_id, call.species_id, start))
    key = ["recording_id", "species_id", "t_min"]
    found = pd.concat([rows, aside])[key].itertuples(index=False, name=None)
    assert set(found) == windows
    (line,) = pd.read_csv(tmp_path / "rounds.csv").to_dict("records")
    assert line["truth_precision"] == 1.0
    assert (line["rows"], line["set_aside"]) == (len(rows), len(aside))
    assert line["truth_calls"] == len(labelled)
    assert 0 < line["truth_calls_found"] <= len(labelled)


def test_every_row_names_its_round_and_a_teacher_that_had_not_seen_it(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    relabel(quick(forest, tmp_path, "rounds=2"))
    rows = pd.read_csv(tmp_path / "round_2" / "rows.csv", dtype={"recording_id": str})
    assert tuple(rows) == PSEUDO_COLUMNS
    assert set(rows["round"]) == {2}
    fold = pd.read_csv(tmp_path / "folds_file.csv").set_index("recording_id")["fold"]
    expected = "round_2/fold_" + rows["recording_id"].map(fold).astype(str)
    assert rows["teacher"].to_list() == expected.to_list()
    assert (rows["t_max"] <= 12.0).all()


def test_each_round_learns_from_the_rows_of_the_one_before(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    relabel(quick(forest, tmp_path, "rounds=2", "teacher_epochs=1"))
    assert [name for name, _ in teachers.asked] == [
        "round_1/fold_1",
        "round_1/fold_2",
        "round_2/fold_1",
        "round_2/fold_2",
    ]
    assert all(changes["data.folds.unused"] == 0 for _, changes in teachers.asked)
    learned = [changes["data.pseudo_rows"] for _, changes in teachers.asked]
    assert learned == [None, None] + 2 * [str(tmp_path / "round_1" / "rows.csv")]
    assert all(changes["trainer.max_epochs"] == 1 for _, changes in teachers.asked)
    (final,) = teachers.final
    assert final.data.pseudo_rows == str(tmp_path / "round_2" / "rows.csv")
    assert final.data.source.pseudo_rows == str(tmp_path / "round_2" / "rows.csv")
    assert final.trainer.max_epochs == 2
    assert final.trainer.limit_test_batches is None
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"test/lwlrap": 0.5}


def test_what_is_finished_is_not_done_again(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    relabel(quick(forest, tmp_path, "rounds=2"))
    before = (tmp_path / "round_2" / "rows.csv").read_text()
    teachers.asked.clear()
    relabel(quick(forest, tmp_path, "rounds=2"))
    assert (len(teachers.asked), len(teachers.final)) == (0, 1)
    for part in ("round_2/finished", "round_2/fold_1/finished", "final_2/finished"):
        (tmp_path / part).unlink()
    (tmp_path / "final_2" / "metrics.json").unlink()
    (tmp_path / "final_2").rmdir()
    relabel(quick(forest, tmp_path, "rounds=2"))
    assert [name for name, _ in teachers.asked] == ["round_2/fold_1"]
    assert len(teachers.final) == 2
    assert (tmp_path / "round_2" / "rows.csv").read_text() == before


def test_a_round_that_is_taken_back_is_kept_aside_and_can_be_done_otherwise(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    relabel(quick(forest, tmp_path, "rounds=3"))
    kept = (tmp_path / "round_1" / "rows.csv").read_text()
    gone = (tmp_path / "round_3" / "rows.csv").read_text()
    teachers.asked.clear()
    relabel(quick(forest, tmp_path, "rounds=2", "rollback_to=2", "labelling.threshold=0.95"))
    assert [name for name, _ in teachers.asked] == ["round_2/fold_1", "round_2/fold_2"]
    assert (tmp_path / "round_1" / "rows.csv").read_text() == kept
    assert len(pd.read_csv(tmp_path / "round_2" / "rows.csv")) == 0  # nothing exceeds 0.95
    aside = tmp_path / "taken_back" / "0"
    assert (aside / "round_3" / "rows.csv").read_text() == gone
    for name in ("round_2", "final_3", "rounds.csv", "metrics.json", "settings.yaml"):
        assert (aside / name).exists(), name
    assert not (tmp_path / "round_3").exists()
    assert (tmp_path / "final_2").exists()
    rollback_to(tmp_path, 1)
    left = {"taken_back", "folds_file.csv", "gone_back_to.txt"}
    assert {path.name for path in tmp_path.iterdir()} == left
    assert (tmp_path / "taken_back" / "1" / "round_1").exists()


def test_going_back_is_done_once_however_often_the_command_is_interrupted(
    forest: Path, tmp_path: Path, teachers: Teachers, monkeypatch: pytest.MonkeyPatch
) -> None:
    relabel(quick(forest, tmp_path, "rounds=2"))
    again = quick(forest, tmp_path, "rounds=2", "rollback_to=2", "labelling.threshold=0.95")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rounds_module, "label_round", interrupted)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                relabel(again)
    relabel(again)
    assert [path.name for path in (tmp_path / "taken_back").iterdir()] == ["0"]
    assert (tmp_path / "round_2" / "finished").exists()
    assert not (tmp_path / "gone_back_to.txt").exists()
    # Asked for again, it is done again; with other settings, too, where it was interrupted.
    with monkeypatch.context() as patch:
        patch.setattr(rounds_module, "label_round", interrupted)
        for word in ("labelling.threshold=0.95", "labelling.threshold=0.7"):
            with pytest.raises(KeyboardInterrupt):
                relabel(quick(forest, tmp_path, "rounds=2", "rollback_to=2", word))
    assert len(list((tmp_path / "taken_back").iterdir())) == 3


def test_impossible_requests_are_refused(forest: Path, tmp_path: Path, teachers: Teachers) -> None:
    with pytest.raises(ValueError, match="rounds = 0"):
        relabel(quick(forest, tmp_path, "rounds=0"))
    with pytest.raises(ValueError, match="no round 1 to go back to; its rounds are: none"):
        relabel(quick(forest, tmp_path, "rollback_to=1"))
    relabel(quick(forest, tmp_path))
    with pytest.raises(ValueError, match=r"(?s)other settings.*\+   threshold: 0.7"):
        relabel(quick(forest, tmp_path, "labelling.threshold=0.7"))


@pytest.mark.slow
def test_events_are_labelled_from_frames(forest: Path, tmp_path: Path) -> None:
    overrides = words(
        forest,
        tmp_path,
        "labelling=events",
        "labelling.threshold_clip=0.1",
        "labelling.threshold_frame=0.3",
        "model/head=sed",
        "trainer.max_epochs=1",
        "callbacks.report.num_pictures=0",
        "data.folds.num_folds=3",
        f"data.folds.file={tmp_path}/folds_file.csv",
    )
    relabel(load_config("relabel", overrides))
    rows = read_pseudo(tmp_path / "round_1" / "rows.csv")
    assert (rows["t_max"] - rows["t_min"]).max() > 3.0  # longer than any window
    assert (tmp_path / "final_1" / "finished").exists()


def test_rows_state_which_folds_their_teachers_saw_and_the_split_which_recordings(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    config = quick(forest, tmp_path, "rounds=2")
    relabel(config)
    first, second = (read_pseudo(tmp_path / f"round_{n}" / "rows.csv") for n in (1, 2))
    folds = pd.read_csv(tmp_path / "folds_file.csv").set_index("recording_id")["fold"]
    assert (
        first["seen_folds"].to_list() == (3 - first["recording_id"].map(folds)).map(str).to_list()
    )
    assert set(second["seen_folds"]) == {"1 2"}  # by the rows of round 1
    pseudo = f"data.pseudo_rows={tmp_path}/round_1/rows.csv"
    data = load_data(quick(forest, tmp_path, pseudo))
    assert data.split.teachers_saw == sorted(folds[folds != data.folds.held_out].index)
    assert "saw the labels" not in data.summary()  # of the fold that judges
    other = load_data(quick(forest, tmp_path, pseudo, "data.folds.held_out=1"))
    assert f"saw the labels of {len(other.split.val_recordings)} of the" in other.summary()
    assert load_data(quick(forest, tmp_path)).split.teachers_saw == []


def test_two_folds_are_too_few_to_judge_a_student_by_recordings_no_teacher_saw(
    forest: Path, tmp_path: Path, teachers: Teachers
) -> None:
    with pytest.raises(ValueError, match="there are 2 folds, and relabel needs 3"):
        relabel(quick(forest, tmp_path, "data.folds.num_folds=2"))
