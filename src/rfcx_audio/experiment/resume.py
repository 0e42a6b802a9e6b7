"""Experiments of many runs in one folder: what is finished, and with which settings."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import ndiff
from pathlib import Path

from rfcx_audio.config import DictConfig, config_text, variant

SETTINGS = "settings.yaml"
_FINISHED = "finished"
_FREE = ("folder", "out", "paths.output_dir", "data.num_workers")
_LINES_SHOWN = 10


def is_finished(folder: Path) -> bool:
    """Whether `mark_finished` was called for a folder."""
    return (folder / _FINISHED).exists()


def mark_finished(folder: Path) -> None:
    """Marks a folder as complete; the last file that is written."""
    (folder / _FINISHED).touch()


def keep_settings(config: DictConfig, folder: Path, free: Iterable[str] = ()) -> None:
    """Writes an experiment's settings into its folder, or compares them with those that it has.

    Args:
        config: of the experiment, as composed.
        folder: of the experiment, made if it is not there.
        free: dotted keys that may change from one start to the next.

    Raises:
        ValueError: the folder was begun with other settings.
    """
    text = config_text(variant(config, dict.fromkeys((*_FREE, *free))))
    path = folder / SETTINGS
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return
    lines = ndiff(path.read_text().splitlines(), text.splitlines())
    changed = [line for line in lines if line[0] in "+-"]
    # What was set stands near the root; what follows from it is deeper, and may be much.
    changed.sort(key=lambda line: len(line) - len(line[1:].lstrip()))
    if changed:
        raise ValueError(
            f"{folder} was begun with other settings (-) than these (+):\n"
            + "\n".join(changed[:_LINES_SHOWN])
            + "\ngive it the same settings, or choose another folder"
        )
