from __future__ import annotations

import inspect

import torch
from omegaconf import OmegaConf
from torchmetrics import MetricCollection

from rfcx_audio.config import CONF_DIR, build

SPECIES = 24
NODE = OmegaConf.create(
    {
        "data": {"num_species": SPECIES},
        "metric": OmegaConf.load(CONF_DIR / "metric" / "default.yaml"),
    }
).metric


def test_both_groups_are_named_metrics_that_take_scores_target_and_known():
    metrics = build(NODE)
    losses = {"log_loss", "log_loss_present", "log_loss_absent"}
    assert set(metrics.windows) == {"auc", "auc_pooled", "auc_unlabelled", *losses}
    assert set(metrics.recordings) == {"lwlrap", "auc", "average_precision"}
    for group in metrics:
        for metric in group.values():
            names = list(inspect.signature(type(metric).update).parameters)
            assert names == ["self", "scores", "target", "known"]


def test_they_work_together_as_collections():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(12, SPECIES, generator=generator)
    target = torch.rand(12, SPECIES, generator=generator).round()
    for group in build(NODE):
        collection = MetricCollection(group)
        collection.update(scores, target, torch.ones_like(target))
        collection.update(scores, 0 * target, torch.ones_like(target))
        for name, value in collection.compute().items():
            assert value.isfinite(), name
            assert value.shape == ()
