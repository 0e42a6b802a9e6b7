from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from rfcx_audio.data import AudioReader, RecordingDataset, Recordings, read_rfcx


def test_a_recording_carries_its_rows_or_its_complete_truth(forest: Path) -> None:
    reader = AudioReader(48_000)
    rows, recordings = read_rfcx(forest, 24), Recordings.scan(forest / "train")
    partial = RecordingDataset(recordings, reader, rows, None, 24)[0]
    assert partial.waveform.shape == (1, 12 * 48_000)
    assert len(partial.rows.species) == (rows["recording_id"] == partial.recording_id).sum()

    truth = pd.read_csv(forest / "truth.csv", dtype={"recording_id": str})
    test = Recordings.scan(forest / "test")
    complete = RecordingDataset(test, reader, rows, truth, 24)[0]
    calls = truth.loc[truth["recording_id"] == complete.recording_id, "species_id"]
    assert complete.labels.known.all()
    assert set(torch.nonzero(complete.labels.target)[:, 0].tolist()) == set(calls)
