"""Which epoch is kept, through whole trainings on invented sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from noise_runs import PRESENT_ONLY, RATE, SMALL, words, write_labels
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run

pytestmark = pytest.mark.slow


def epochs(folder: Path) -> dict[str, int]:
    files = (folder / "run" / "checkpoints").glob("*.ckpt")
    return {file.stem: torch.load(file, weights_only=True)["epoch"] for file in files}


@pytest.mark.parametrize("every", [1, 3])
def test_without_a_defined_measure_the_last_epoch_is_kept(
    every: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_labels(tmp_path / "data", PRESENT_ONLY)
    more = [
        "data.num_species=1",
        "trainer.max_epochs=3",
        f"trainer.check_val_every_n_epoch={every}",
    ]
    trainer = train_run(load_config("train", words(tmp_path, *more)))
    assert epochs(tmp_path) == {"best": 2, "last": 2}
    assert "best.ckpt is the last epoch: val/auc_unlabelled is undefined (NaN)" in caplog.text
    assert trainer.checkpoint_callback is not None
    assert trainer.checkpoint_callback.best_model_path.endswith("best.ckpt")


def test_where_nothing_is_validated_the_last_epoch_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*PRESENT_ONLY, *[(name, "Rail", present) for name, _, present in PRESENT_ONLY]]
    write_labels(tmp_path / "data", rows)
    train_run(load_config("train", words(tmp_path, "trainer.check_val_every_n_epoch=5")))
    assert set(epochs(tmp_path)) == {"best"}
    assert "best.ckpt is the last epoch: no recording was validated" in caplog.text


def test_a_measure_of_another_name_is_refused(tmp_path: Path) -> None:
    write_labels(tmp_path / "data", PRESENT_ONLY)
    more = ["data.num_species=1", "callbacks.best.monitor=val/fame"]
    with pytest.raises(ValueError, match=r"val/fame is not measured; choose one of .*val/auc"):
        train_run(load_config("train", words(tmp_path, *more)))


def test_one_recording_is_trained_on_without_validation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_labels(tmp_path / "data", [("dawn", "Wren", 1), ("dawn", "Rail", 0)])
    with caplog.at_level("INFO"):
        train_run(load_config("train", words(tmp_path, "data.folds.num_folds=5")))
    assert "there is one recording: it is trained on, and nothing is validated" in caplog.text
    assert epochs(tmp_path) == {"best": 1, "last": 1}


def test_the_kept_epoch_is_known_after_a_test_too(tmp_path: Path) -> None:
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        (root / split).mkdir(parents=True)
        for name in "abcd":
            soundfile.write(root / split / f"{name}.flac", rng.uniform(-0.3, 0.3, 4 * RATE), RATE)
    header = "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max\n"
    rows = "".join(f"{name},0,1,1,300,2,900\n" for name in "abcd")
    (root / "train_tp.csv").write_text(header + rows)
    (root / "train_fp.csv").write_text(header)
    (root / "truth.csv").write_text("split,recording_id,species_id\ntest,a,0\ntest,b,0\n")
    small = [word for word in SMALL if word not in ("data=table", "data.num_species=2")]
    more = ["data=rfcx", f"data.root={root}", "data.folds.num_folds=2", f"out={tmp_path}/run"]
    trainer = train_run(load_config("train", [*small, *more]))
    assert trainer.checkpoint_callback is not None
    kept = Path(trainer.checkpoint_callback.best_model_path)  # pyright: ignore[reportAttributeAccessIssue]
    assert kept == tmp_path / "run" / "checkpoints" / "best.ckpt"
    assert "test/auc" in trainer.callback_metrics
