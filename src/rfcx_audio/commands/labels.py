"""What the commands over scores have in common: labels, complete where the user states it."""

from __future__ import annotations

from collections.abc import Sequence

from rfcx_audio.config import DictConfig
from rfcx_audio.data import Annotations, read_annotations


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
