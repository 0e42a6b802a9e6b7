"""Experiments of many runs in one folder: what is finished, and with which settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from difflib import ndiff
from pathlib import Path

from rfcx_audio.config import DictConfig, config_text, variant
from rfcx_audio.data import Corpus
from rfcx_audio.whole_files import write_atomically

SETTINGS = "settings.yaml"
LABELS = "labels.txt"
_OF_ROWS = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "present"]
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
    path = folder / SETTINGS
    if not path.exists():
        text = _text_of(config, free)
        write_atomically(path, lambda part: part.write_text(text))
        return
    if changed := changed_settings(config, folder, free):
        raise ValueError(
            f"{folder} was begun with other settings (-) than these (+):\n"
            + "\n".join(changed[:_LINES_SHOWN])
            + "\ngive it the same settings, or choose another folder"
        )


def changed_settings(config: DictConfig, folder: Path, free: Iterable[str] = ()) -> list[str]:
    """The lines of an experiment's settings that are not those of its folder, see `keep_settings`.

    Each begins with - (the folder's) or + (these).
    """
    before = (folder / SETTINGS).read_text().splitlines()
    lines = ndiff(before, _text_of(config, free).splitlines())
    changed = [line for line in lines if line[0] in "+-"]
    # What was set stands near the root; what follows from it is deeper, and may be much.
    return sorted(changed, key=lambda line: len(line) - len(line[1:].lstrip()))


def keep_labels(folder: Path, corpus: Corpus, species: Sequence[str], root: str) -> None:
    """Notes which labels an experiment was begun with, or compares them with those.

    That is: the rows, the names of the species in the order of their numbers, where every call is
    marked, and pseudo-labels.

    Args:
        folder: of the experiment.
        corpus: what is trained on.
        species: names.
        root: of the data set, for the message.

    Raises:
        ValueError: they have changed.
    """
    spans = [
        (*span[:3], None if span.species is None else sorted(span.species))
        for span in corpus.coverage.spans
    ]
    parts = [corpus.rows[_OF_ROWS].to_csv(index=False), repr((tuple(species), spans))]
    if corpus.pseudo is not None:
        parts.append(corpus.pseudo.to_csv(index=False))
    content = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    now, path = f"{len(corpus.rows)} rows, {content}", folder / LABELS
    if not path.exists():
        write_atomically(path, lambda part: part.write_text(now + "\n"))
        return
    before = path.read_text().strip()
    if before != now:
        raise ValueError(
            f"the labels in data.root={root} have changed since {folder} was begun (rows, names of "
            f"species, or where every call is marked; {before.partition(',')[0]} then, "
            f"{len(corpus.rows)} rows now): its models were trained on the old ones. Choose "
            "another out=…, or put the old tables back"
        )


def _text_of(config: DictConfig, free: Iterable[str]) -> str:
    return config_text(variant(config, dict.fromkeys((*_FREE, *free))))
