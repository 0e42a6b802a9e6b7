from __future__ import annotations

import pytest
import torch

from rfcx_audio.config import build, load_config
from rfcx_audio.metric import Lwlrap, MaskedAUROC, Metrics


@pytest.mark.parametrize("words", [(), ("~metric.windows.auc_pooled", "data.num_species=3")])
def test_the_configuration_names_what_is_measured(words: tuple[str, ...]) -> None:
    config = load_config("train", ["paths.output_dir=.", *words])
    metrics = build(config.metric)
    assert isinstance(metrics, Metrics)
    assert list(metrics.windows) == list(config.metric.windows)
    assert list(metrics.recordings) == list(config.metric.recordings)
    assert isinstance(metrics.windows["auc"], MaskedAUROC)
    lwlrap = metrics.recordings["lwlrap"]
    assert isinstance(lwlrap, Lwlrap)
    assert lwlrap.num_species == config.data.num_species
    method = build(config.method)
    assert set(method.val_metrics.keys()) == {f"val/{name}" for name in metrics.windows}
    assert set(method.test_metrics.keys()) == {f"test/{name}" for name in metrics.recordings}
    assert all(isinstance(value, torch.nn.Module) for value in method.test_metrics.values())
