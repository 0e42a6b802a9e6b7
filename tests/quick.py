"""Overrides for runs that take seconds, for tests of the entry points."""

from __future__ import annotations

from pathlib import Path

from conftest import forest_overrides

SECONDS = [
    "trainer.max_epochs=2",
    "data.crops.crops_per_epoch=32",
    "data.batch_size=8",
    "data.num_workers=0",
    "data.crop_duration_s=3.0",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "callbacks.progress.refresh_rate=0",
]


AS_RFCX = [
    *("data=rfcx", "data/templates=rfcx", "data.num_species=24", "data.sample_rate=48000"),
    *("data.f_min=60", "data.f_max=15000"),
]
"""What `settle` would take from RFCX's data, for tests without any."""


def words(forest: Path, output_dir: Path, *more: str) -> list[str]:
    """Overrides for one quick run on the small rainforest."""
    return [*forest_overrides(forest), f"paths.output_dir={output_dir}", *SECONDS, *more]
