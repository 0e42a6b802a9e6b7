"""The table of test results beside its baselines, and the table that compares a multirun's runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from rfcx_audio.batch import WindowBatch
from rfcx_audio.callbacks.report import data_of, gathered, write_metrics
from rfcx_audio.config import SweepCallback
from rfcx_audio.data import RecordingDataModule, row_templates
from rfcx_audio.frontend import LogMel
from rfcx_audio.metric import band_energy_scores, compare, per_species
from rfcx_audio.screen import print_table

NAME = "this model"


class TestTable(Callback):
    """Scores of the test recordings, and how they compare with knowing little or nothing.

    Writes `test_scores.csv`, `test_species.csv` and `test_metrics.csv` into the run's folder and
    prints the last.
    The baselines: random scores; the species' true prevalence as a constant ranking; and, where
    the species' bands are known, the energy in each band.

    Args:
        folder: of the run.
        seed: of the random baseline.
    """

    __test__ = False  # no test for pytest to collect

    def __init__(self, folder: str, seed: int = 0) -> None:
        self.folder = Path(folder)
        self.seed = seed
        self.rows: list[tuple[str, Tensor, Tensor, Tensor]] = []
        self._bands: tuple[Tensor, Tensor] | None = None

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Takes the bands from the rows."""
        self._bands = _known_bands(data_of(trainer))

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ANN401
        batch: WindowBatch,
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Keeps the scores, the band energies and the truth of some recordings."""
        if outputs is None:
            return
        scores, target = outputs.cpu(), batch.recording_labels.target.cpu()
        energy = torch.full(scores.shape, torch.nan)
        if self._bands is not None and batch.long is None:  # which has no spectrogram of the whole
            windows = batch.spectrogram[:, 0].cpu().split(batch.counts)  # of each recording
            whole = [torch.cat(list(cut), dim=-1) for cut in windows]  # (mels, frames)
            energy = [band_energy_scores(one, *self._bands) for one in whole]
        self.rows += zip(batch.recording_ids, scores, energy, target, strict=True)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Compares, writes, prints."""
        data = data_of(trainer)
        rows = gathered(self.rows)
        self.rows = []
        if not trainer.is_global_zero or not rows:
            return
        rows.sort(key=lambda row: row[0])
        scores, energy, target = (torch.stack([row[i] for row in rows]) for i in (1, 2, 3))
        named = {NAME: scores}
        if not energy.isnan().any():
            named["band energy"] = energy
        table = compare(named, target, torch.Generator().manual_seed(self.seed))
        self.folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(self.folder / "test_metrics.csv", index_label="scores")
        by_recording = pd.DataFrame(scores.numpy(), columns=pd.Index(data.species))
        by_recording.insert(0, "recording_id", [row[0] for row in rows])
        by_recording.to_csv(self.folder / "test_scores.csv", index=False)
        species = per_species(scores, target, torch.ones_like(target), data.species)
        species.to_csv(self.folder / "test_species.csv", index=False)
        write_metrics(
            self.folder, {f"test/{name}": values[NAME] for name, values in table.to_dict().items()}
        )
        title = f"{len(rows)} test recordings, complete truth"
        print_table(table.reset_index(names="scores"), title)


class Comparison(SweepCallback):
    """At the end of a multirun: one table of all its runs, printed and written."""

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Hydra's hook."""
        folder = Path(config.hydra.sweep.dir)
        table = compare_runs(folder)
        table.to_csv(folder / "comparison.csv", index=False)
        print_table(table, f"runs in {folder}")


def compare_runs(folder: Path) -> pd.DataFrame:
    """One row a run: its number, its overrides, its final metrics; a run without metrics failed.

    Args:
        folder: of a multirun, with one folder for each run.
    """
    lines = []
    for run in sorted((path for path in folder.iterdir() if path.is_dir()), key=_number):
        overrides = run / ".hydra" / "overrides.yaml"
        words = overrides.read_text().splitlines() if overrides.exists() else []
        line: dict[str, Any] = {
            "run": run.name,
            "overrides": " ".join(word.removeprefix("- ") for word in words),
        }
        metrics = run / "metrics.json"
        line |= json.loads(metrics.read_text()) if metrics.exists() else {"failed": True}
        lines.append(line)
    return pd.DataFrame(lines)


def _number(path: Path) -> tuple[int, str]:
    return (int(path.name) if path.name.isdigit() else -1, path.name)


def _known_bands(data: RecordingDataModule) -> tuple[Tensor, Tensor] | None:
    """First mel and mel behind the last (species, 2), and frames (species,), of each species.

    None where the rows have no frequencies of a species, the front end does not cover them, or it
    is no spectrogram.
    """
    templates, frontend = row_templates(data.corpus.usable), data.frontend
    if not isinstance(frontend, LogMel):
        return None
    if templates["species_id"].nunique() != data.num_species:
        return None
    by_species = templates.groupby("species_id")
    low, high = by_species["f_min"].min(), by_species["f_max"].max()
    if low.min() < frontend.f_min or high.max() > frontend.f_max:
        return None
    edges = [frontend.band_of(list(by_hz)) for by_hz in (low, high)]
    bands = torch.stack([torch.tensor(edges[0]).floor(), torch.tensor(edges[1]).ceil()], 1).long()
    bands[:, 0] = bands[:, 0].clamp(max=frontend.n_mels - 1)
    bands[:, 1] = torch.maximum(bands[:, 1], bands[:, 0] + 1)
    frames = (by_species["duration_s"].mean() / frontend.hop_s).round().clip(lower=1)
    frames = frames.astype(int).to_numpy()
    return bands, torch.tensor(frames)
