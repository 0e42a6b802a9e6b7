from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.encoders import EncoderFrontend, OnnxEncoder
from rfcx_audio.verdicts import ABSENT, PRESENT, UNSURE, VerdictStore
from stores import write_store
from studies import CONF_DIR
from studies.review import Pool, collected, folds_of, run_all
from studies.review_page import page_text
from studies.reviewer import Reviewer
from tiny_encoders import RATE, SAMPLES, tiny, write_onnx

SPECIES = {"owl": 0, "wren": 1}


def config_of(*words: str) -> DictConfig:
    return load_config("review", list(words), CONF_DIR)


def asked(*clips: tuple[str, str, float]) -> pd.DataFrame:
    """Clips of 3 s: recording, species and start."""
    rows = [(n, *clip, clip[2] + 3.0) for n, clip in enumerate(clips, 1)]
    columns = ["clip", "recording_id", "species", "t_min", "t_max"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def reviewer(wrong: float = 0.0) -> Reviewer:
    calls = [("a", 0, 1.0, 2.0), ("a", 1, 2.8, 4.8), ("b", 0, 0.0, 9.0)]
    columns = pd.Index(["recording_id", "species_id", "t_min", "t_max"])
    truth = pd.DataFrame(calls, columns=columns)
    return Reviewer(truth, wrong, np.random.default_rng(0))


def test_the_reviewer_knows_every_call() -> None:
    clips = asked(("a", "owl", 0.0), ("a", "wren", 0.0), ("a", "wren", 3.0), ("b", "wren", 0.0))
    answers = [one.answer for one in reviewer().verdicts(clips, SPECIES)]
    assert answers == [PRESENT, UNSURE, PRESENT, ABSENT]


def test_a_share_of_the_verdicts_is_wrong() -> None:
    clips = asked(*(("a", "owl", 0.0), ("b", "wren", 0.0), ("a", "wren", 0.0)) * 400)
    right = [one.answer for one in reviewer().verdicts(clips, SPECIES)]
    answers = [one.answer for one in reviewer(0.25).verdicts(clips, SPECIES)]
    turned = {ABSENT: PRESENT, PRESENT: ABSENT, UNSURE: UNSURE}
    wrong = [one != other for one, other in zip(answers, right, strict=True)]
    assert 0.2 < np.mean([one for one, of in zip(wrong, right, strict=True) if of != UNSURE]) < 0.3
    assert all(one in (of, turned[of]) for one, of in zip(answers, right, strict=True))


def test_the_first_of_ten_folds_is_held_out() -> None:
    folds = folds_of([f"r{n}" for n in range(50)], seed=1)
    assert folds["fold"].value_counts().to_list() == [5] * 10
    assert not folds.equals(folds_of([f"r{n}" for n in range(50)], seed=2))


@pytest.fixture(scope="session")
def studied_review(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    """Two rounds of two queues on the small rainforest, with features of a few bands."""
    root = tmp_path_factory.mktemp("review")
    paths = {
        path.stem: path
        for part in ("train", "test")
        for path in sorted((forest / part).glob("*.flac"))
    }
    write_onnx(root / "tiny.onnx", tiny())
    encoder = OnnxEncoder(str(root / "tiny.onnx"), RATE, SAMPLES / RATE)
    write_store(root, paths, EncoderFrontend(encoder, hop_s=0.25))
    config = config_of(
        *("seeds=[0]", "rounds=2", "per_round=6"),
        "reviewers=[{wrong: 0.0, queues: [random, farthest]}]",
        *("only=[forest]", f"data.forest.root={forest}", f"data.forest.store={root / 'store'}"),
        *(f"folder={root / 'runs'}", "complete=['loss=bce','data.crops.supervision=truth']"),
    )
    quick = ["trainer.max_epochs=1", "data.crops.crops_per_epoch=256"]
    config.common = [*config.common, *quick]
    run_all(config, "forest")
    return config


def test_each_round_adds_verdicts_that_are_trained_on(studied_review: DictConfig) -> None:
    rounds = collected(Path(studied_review.folder))
    assert set(rounds["queue"]) == {"complete", "random", "farthest"}
    own = rounds[rounds["queue"] == "random"]
    assert own["verdicts"].to_list() == [0, 6, 12]
    assert own[["present", "absent", "unsure"]].sum(axis=1).to_list() == [0, 6, 12]
    assert own["average_precision"].iloc[0] != own["average_precision"].iloc[-1]
    store = VerdictStore.open(
        Path(studied_review.folder, "forest", "random_0", "seed_0", "verdicts.sqlite")
    )
    assert store.queues()["design"].to_list() == ["random", "random"]


def test_what_is_there_is_not_run_again(
    studied_review: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pool, "trained", lambda *_: pytest.fail("it trains"))
    run_all(studied_review, "forest")


def invented() -> pd.DataFrame:
    """Rounds of three queues, of which one learns faster; two seeds."""
    rows = []
    for seed in (0, 1):
        about = {"data": "own", "wrong": 0.0, "seed": seed}
        metrics = {"lwlrap": 0.9, "auc": 0.9, "average_precision": 0.8}
        rows.append({**about, "queue": "complete", "verdicts": 10_000, **metrics})
        for queue, speed in (("random", 0.001), ("top", 0.0005), ("entropy", 0.004)):
            for verdicts in (0, 50, 100):
                value = 0.5 + speed * verdicts + 0.01 * seed
                metrics = {"lwlrap": value, "auc": value, "average_precision": value}
                kinds = {"present": verdicts // 2, "absent": verdicts // 2, "unsure": 0}
                row = {"queue": queue, "verdicts": verdicts, **kinds, **metrics}
                rows.append({**about, **row})
    return pd.DataFrame(rows)


def test_the_page_states_when_a_queue_reaches_the_goal() -> None:
    text = page_text(invented(), config_of())
    assert "| `entropy` | 100 | 50% |" in text
    assert "at 100 verdicts, 1.00%" in text
    assert text.count("not reached") == 2
    assert "Against `random`" in text
    assert "`entropy` higher, +0.300 ± 0.000" in text
