from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from rfcx_audio.data import AudioReader, RecordingDataset, Recordings, read_rfcx


def test_a_recording_carries_its_rows_or_its_complete_truth(forest: Path) -> None:
    reader = AudioReader(48_000)
    rows, recordings = read_rfcx(forest, 24), Recordings.scan(forest / "train")
    dataset = RecordingDataset(recordings, reader, rows, None, 24)
    partial = dataset[0]
    assert partial.waveform.shape == (1, 12 * 48_000)
    own = rows[(rows["recording_id"] == partial.recording_id) & rows["present"]]
    assert set(torch.nonzero(partial.labels.known)[:, 0].tolist()) == set(own["species_id"])
    windows = dataset.window_labels(partial.recording_id, torch.zeros(1).double(), 12.0, 0.5)
    assert windows.known[0, list(own["species_id"])].all()

    truth = pd.read_csv(forest / "truth.csv", dtype={"recording_id": str})
    test = Recordings.scan(forest / "test")
    complete = RecordingDataset(test, reader, rows, truth, 24)[0]
    calls = truth.loc[truth["recording_id"] == complete.recording_id, "species_id"]
    assert complete.labels.known.all()
    assert set(torch.nonzero(complete.labels.target)[:, 0].tolist()) == set(calls)
