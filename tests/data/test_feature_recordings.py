from __future__ import annotations

import numpy as np
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.data import StoredCrops
from rfcx_audio.data.feature_recordings import FeatureRecordings, StoredRecording


def recording(name: str, first: int, windows: int) -> StoredRecording:
    labels = Labels(torch.full((windows, 2), float(first)), torch.ones(windows, 2))
    starts = torch.arange(windows, dtype=torch.float64)
    whole = Labels(torch.full((2,), float(first)), torch.ones(2))
    return StoredRecording(name, first + np.arange(windows), starts, first + windows, labels, whole)


def test_recordings_come_in_their_order_as_many_windows_as_fit() -> None:
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    crops = StoredCrops(features, 1, lambda: torch.zeros(3))
    found = [
        recording("a", 0, 3),
        recording("b", 3, 2),
        recording("c", 5, 9),
        recording("d", 14, 1),
    ]
    data = FeatureRecordings(found, crops, at_once=5)
    batches = [data[number] for number in range(len(data))]
    assert [batch.recording_ids for batch in batches] == [("a", "b"), ("c",), ("d",)]
    assert [batch.counts for batch in batches] == [(3, 2), (9,), (1,)]
    windows = torch.cat([batch.spectrogram for batch in batches])[:, 0, :, 0]
    assert torch.equal(windows, torch.from_numpy(features[:15]))
    assert batches[0].window_labels.target[:, 0].tolist() == [0, 0, 0, 3, 3]
    assert batches[0].recording_labels.target.tolist() == [[0, 0], [3, 3]]
    assert batches[0].starts_s.tolist() == [0, 1, 2, 0, 1]
