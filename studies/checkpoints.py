"""The checkpoints of a study's runs, and their scores of held-out and test recordings."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.config import build, parse_config, variant
from rfcx_audio.data import RecordingDataModule
from rfcx_audio.scores import Scores, species_columns
from rfcx_audio.scoring import (
    CONFIG_KEY,
    Recogniser,
    current_config,
    load_recogniser,
    read_checkpoint,
)

_log = logging.getLogger(__name__)
_NOT_EPOCHS = ("best", "last")
_AT_ONCE = 8  # recognisers that share the reading of a recording


class Trained(NamedTuple):
    """One checkpoint of one run.

    Attributes:
        entry: the technique.
        seed: of the run.
        name: of the file without its suffix: `best`, or the name of an epoch.
        path: of the checkpoint.
    """

    entry: str
    seed: int
    name: str
    path: Path

    @property
    def run(self) -> Path:
        """The folder of the run, with `metrics.json`."""
        return self.path.parent.parent

    def scores(self, folder: Path, part: str) -> Path:
        """The file of its scores for a part of the recordings (`held_out`, `test`)."""
        return folder / self.entry / f"seed_{self.seed}" / f"{self.name}.{part}.parquet"


def best_of(folder: Path) -> list[Trained]:
    """The tested checkpoint of every finished run of a study, sorted by name.

    Args:
        folder: of the study, with `<entry>/seed_<number>/`. If a run has rounds, its final
            training is used.
    """
    found = []
    for run in _runs(folder):
        finals = sorted(run.glob("final_*"), key=lambda path: int(path.name.split("_")[1]))
        place = finals[-1] if finals else run
        path = place / "checkpoints" / "best.ckpt"
        # The table of the test recordings is the last file that a run writes.
        if path.exists() and (place / "test_scores.csv").exists():
            found.append(Trained(*_key(run), "best", path))
    return found


def epochs_of(folder: Path) -> list[Trained]:
    """Every checkpoint except `best` and `last` of every finished run of a study."""
    return [
        Trained(*_key(run), path.stem, path)
        for run in _runs(folder)
        if (run / "test_scores.csv").exists()
        for path in sorted((run / "checkpoints").glob("*.ckpt"))
        if path.stem not in _NOT_EPOCHS
    ]


def data_of(checkpoint: Path) -> RecordingDataModule:
    """The data that a checkpoint was trained with, split into training and validation.

    Its pseudo-labels are not read: they matter for training only.

    Raises:
        ValueError: the checkpoint was written before its configuration described the data module.
    """
    config = parse_config(current_config(read_checkpoint(checkpoint)[CONFIG_KEY]))
    if "module" not in config.data:
        raise ValueError(
            f"{checkpoint} comes from an earlier version of rfcx_audio: its configuration has no "
            "data.module, so the recordings that it was not trained on are unknown. It still "
            "predicts; to score it here, train it again"
        )
    config = variant(config, {"data.module.source.pseudo_rows": None})
    data = cast(RecordingDataModule, build(config.data.module))
    data.setup("validate")
    return data


def score_runs(trained: Sequence[Trained], folder: Path, part: str = "held_out") -> int:
    """Scores recordings that the checkpoints were not trained on, and writes the tables.

    Args:
        trained: checkpoints, all trained with the same tables and the same held-out fold.
        folder: for the tables, see `Trained.scores`; existing tables are not computed again.
        part: `held_out`, the recordings of the held-out fold, or `test`.

    Returns:
        The number of checkpoints that were scored.

    Raises:
        ValueError: the runs differ in their held-out fold or their tables.
    """
    waiting = [one for one in trained if not one.scores(folder, part).exists()]
    if not waiting:
        return 0
    data = data_of(waiting[0].path)
    if part == "test":
        assert data.corpus.test is not None  # noqa: S101 (a finished run has been tested)
        paths = data.corpus.test.paths
    else:
        names = sorted(data.val_rows["recording_id"].unique())
        paths = {name: data.corpus.train.paths[name] for name in names}
    expected = _split(waiting[0].path)
    for start in range(0, len(waiting), _AT_ONCE):
        several = waiting[start : start + _AT_ONCE]
        for one in several:
            if _split(one.path) != expected:
                raise ValueError(
                    f"{one.path} holds out {_split(one.path)}, {waiting[0].path} {expected}; "
                    "compare runs of one data set and one fold"
                )
        _log.info("%d of %d checkpoints, %s recordings", start, len(waiting), part)
        found = score_together([load_recogniser(one.path) for one in several], paths)
        for one, scores in zip(several, found, strict=True):
            scores.metadata["checkpoint"] = one.path.name
            scores.write(one.scores(folder, part))
    return len(waiting)


class SideBySide(nn.Module):
    """Networks that score the same windows: the species of one after those of the other.

    Args:
        networks: (batch, channels, mels, frames) -> `Logits` each.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, spectrogram: Tensor) -> Logits:
        """Their logits of the clip; those of frames, whose number may differ, are left out."""
        clip = torch.cat([network(spectrogram).clip for network in self.networks], 1)
        return Logits(clip, clip[:, None])  # one frame


def score_together(recognisers: Sequence[Recogniser], paths: Mapping[str, Path]) -> list[Scores]:
    """The scores of several recognisers, to the last bit those of each by itself.

    Those with one reader, front end and windows read and cut each recording once: with the tiny
    network that takes about half the time of `Recogniser.score` one after the other.

    Args:
        recognisers: without a calibration.
        paths: audio files by recording id.

    Returns:
        The scores of each recogniser.
    """
    groups: dict[str, list[Recogniser]] = defaultdict(list)
    for one in recognisers:
        groups[json.dumps({**one.settings(), "checkpoint_sha256": ""})].append(one)
    found: dict[Recogniser, Scores] = {}
    for own in groups.values():
        first, networks = own[0], SideBySide([one.detector for one in own])
        names = species_columns(sum(one.num_species for one in own))
        parts = (first.reader, first.frontend, networks, first.windows, names, first.views)
        scores = Recogniser(*parts).eval().score(paths)
        failures = scores.metadata["failures"]
        columns = np.split(scores.values, len(own), axis=1)
        for one, values in zip(own, columns, strict=True):
            metadata = {**one.settings(), "failures": failures}
            found[one] = Scores(scores.keys, values, one.species, metadata)
    return [found[one] for one in recognisers]


def _split(checkpoint: Path) -> tuple[str, str, int]:
    """The data set, fold file and held-out fold of a run."""
    data = parse_config(read_checkpoint(checkpoint)[CONFIG_KEY]).data
    return str(data.root), str(data.folds.file), int(data.folds.held_out)


def _runs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*/seed_*") if path.is_dir())


def _key(run: Path) -> tuple[str, int]:
    return run.parent.name, int(run.name.removeprefix("seed_"))
