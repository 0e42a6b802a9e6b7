from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.encoders import EncoderFrontend, OnnxEncoder
from rfcx_audio.verdicts import VerdictStore
from stores import write_store
from studies import CONF_DIR
from studies.review import Pool, collected, folds_of, run_all
from tiny_encoders import RATE, SAMPLES, tiny, write_onnx


def config_of(*words: str) -> DictConfig:
    return load_config("review", list(words), CONF_DIR)


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
        *("seeds=[0]",),
        "reviewers=[{wrong: 0.0, rounds: 2, per_round: 6, queues: [random, farthest]}]",
        *("only=[forest]", f"data.forest.root={forest}", f"data.forest.store={root / 'store'}"),
        *(f"folder={root / 'runs'}", "complete=['loss=bce','data.crops.supervision=truth']"),
    )
    quick = ["trainer.max_epochs=1", "data.crops.crops_per_epoch=256", "data.batch_size=16"]
    config.common = [*config.common, *quick]
    run_all(config, "forest")
    return config


def test_each_round_adds_verdicts_that_are_trained_on(studied_review: DictConfig) -> None:
    rounds = collected(Path(studied_review.folder))
    assert set(rounds["queue"]) == {"complete", "random", "farthest"}
    own = rounds[rounds["queue"] == "random"]
    assert own["verdicts"].to_list() == [0, 6, 12]
    assert own[["present", "absent", "unsure"]].sum(axis=1).to_list() == [0, 6, 12]
    assert len(own[["lwlrap", "auc", "average_precision"]].drop_duplicates()) == 3
    store = VerdictStore.open(
        Path(studied_review.folder, "forest", "random_0_6", "seed_0", "verdicts.sqlite")
    )
    assert store.queues()["design"].to_list() == ["random", "random"]


def test_what_is_there_is_not_run_again(
    studied_review: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pool, "trained", lambda *_: pytest.fail("it trains"))
    run_all(studied_review, "forest")
