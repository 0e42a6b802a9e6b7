"""The files of finished runs of a study, without training."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from studies.jobs import Job

METRICS = ("lwlrap", "lwlrap_shuffled", "auc", "average_precision")


def finish(job: Job, values: Mapping[str, float], species: Mapping[int, float]) -> None:
    """Writes the files of a tested run.

    Args:
        job: of the run.
        values: of the metrics of the test recordings.
        species: average precision by number of the species, `s0`, …
    """
    job.folder.mkdir(parents=True)
    metrics = {f"test/{name}": values[name] for name in METRICS}
    (job.folder / "metrics.json").write_text(json.dumps(metrics))
    (job.folder / "config.yaml").write_text(
        "data: {crops: {crops_per_epoch: 100}}\ntrainer: {max_epochs: 3}\n"
    )
    names = [f"s{number}" for number in species]
    table = pd.DataFrame({"species": names, "average_precision": species.values()})
    table.assign(auc=0.5).to_csv(job.folder / "test_species.csv", index=False)
    baselines = pd.DataFrame([values, values], index=["random", "this model"])
    baselines.to_csv(job.folder / "test_metrics.csv", index_label="scores")
