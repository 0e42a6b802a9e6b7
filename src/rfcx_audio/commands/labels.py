"""What the commands over scores have in common: labels, complete where the user states it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rfcx_audio.config import DictConfig
from rfcx_audio.data import RFCX_FILES, Annotations, read_annotations


def labels_of(config: DictConfig, species: Sequence[str], recordings: Sequence[str]) -> Annotations:
    """The annotations in `labels`, complete where `complete` states it.

    Args:
        config: of a command, with the keys `labels`, `species` and `complete`.
        species: names, of the scores.
        recordings: ids, of the scores.

    Raises:
        AnnotationError: a table breaks a rule.
    """
    return read_annotations(
        *(config.labels, species, config.species),
        recordings=recordings,
        complete=config.complete,
    )


def read_complete(
    place: Path, species: Sequence[str], species_file: str | None, recordings: Sequence[str]
) -> Annotations:
    """Labels of every call in the recordings that have rows or an empty table.

    Args:
        place: file or folder, see `read_annotations`.
        species: names.
        species_file: see `read_annotations`.
        recordings: ids.

    Raises:
        AnnotationError: a table breaks a rule.
        ValueError: the labels are partial by their form: RFCX's rows, or rows of absence.
    """
    annotations = read_annotations(place, species, species_file, recordings=recordings)
    if place.name in RFCX_FILES or not annotations.rows["present"].all():
        raise ValueError(
            f"complete_labels={place} is partial: a true prevalence needs every call, as in "
            "truth.csv or in tables of recordings that are marked throughout"
        )
    return annotations.declared(complete=True)
