from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from noise_runs import PRESENT_ONLY, RATE, words, write_labels
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run


@pytest.mark.slow
def test_a_training_without_a_readable_crop_ends_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    folder = write_labels(tmp_path / "data", PRESENT_ONLY)
    for path in folder.glob("*.wav"):  # stereo, of which the third channel is asked for
        samples = soundfile.read(path)[0]
        soundfile.write(path, np.stack([samples, samples], 1), RATE)
    with pytest.raises(ValueError, match=r"nothing was trained: no crop of 2 .* no channel 2"):
        train_run(
            load_config("train", words(tmp_path, "data.num_species=1", "data.reader.channel=2"))
        )
    assert not list((tmp_path / "run").rglob("*.ckpt"))
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    assert len(failures) == 4
