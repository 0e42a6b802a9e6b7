"""The configuration, carried by every checkpoint and kept in the run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only

from rfcx_audio.config import parse_config
from rfcx_audio.data import RecordingDataModule, SpeciesNames, write_species_names
from rfcx_audio.scoring import CONFIG_KEY, SEEN_KEY, CheckpointError

_MUST_AGREE = (
    "frontend",
    "method.model",
    "data.sample_rate",
    "data.num_species",
    "data.species",
    "data.crop_duration_s",
)


class Stamp(Callback):
    """Writes the configuration into checkpoints, and refuses to resume with another one.

    Args:
        config: YAML with every interpolation resolved.
        folder: of the run; `config.yaml` is written there.
        seen_before: recordings whose labels reached the first weights by pseudo-labels.
    """

    def __init__(self, config: str, folder: str, seen_before: Sequence[str] = ()) -> None:
        self.config = config
        self.folder = Path(folder)
        self.seen_before = tuple(seen_before)

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Writes `config.yaml`, and the names of the species to `species.csv`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yaml").write_text(self.config)
        data = parse_config(self.config).data
        if data.get("species") is not None:
            names = SpeciesNames(tuple(data.species), data.other_names or {})
            write_species_names(names, self.folder / "species.csv")

    def on_save_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        checkpoint: dict[str, Any],
    ) -> None:
        """Adds the text, and the recordings whose labels teachers of pseudo-labels saw."""
        checkpoint[CONFIG_KEY] = self.config
        data = getattr(trainer, "datamodule", None)
        saw = data.teachers_saw if isinstance(data, RecordingDataModule) else []
        if saw or self.seen_before:
            checkpoint[SEEN_KEY] = sorted({*saw, *self.seen_before})

    def on_load_checkpoint(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        checkpoint: dict[str, Any],
    ) -> None:
        """Compares what must not change, and goes on knowing whose labels the first weights saw.

        Raises:
            CheckpointError: front end, model, sample rate, species or crop length differ.
        """
        self.seen_before = (*self.seen_before, *checkpoint.get(SEEN_KEY, ()))
        theirs, ours = parse_config(checkpoint[CONFIG_KEY]), parse_config(self.config)
        for key in _MUST_AGREE:
            then, now = theirs, ours
            for part in key.split("."):
                then, now = then.get(part), now.get(part)
            then, now = _computed(then), _computed(now)
            if then != now and not (key == "data.species" and then is None):  # earlier versions
                raise CheckpointError(
                    f"the checkpoint was trained with {key} = {then}, this run has {now}; give the "
                    "run the settings of the checkpoint, or start it without resume"
                )


def _computed(setting: Any) -> Any:  # noqa: ANN401
    """A setting without the learning rates of its parts, which may change."""
    if not isinstance(setting, Mapping):
        return setting
    return {key: _computed(value) for key, value in setting.items() if key != "lr_ratio"}
