"""What the commands over scores have in common: labels, complete where the user states it."""

from __future__ import annotations

from collections.abc import Sequence

from rfcx_audio.config import DictConfig
from rfcx_audio.data import Annotations, read_annotations


def labels_of(config: DictConfig, scored: Sequence[str]) -> Annotations:
    """The annotations in `labels`, complete where `complete` states it.

    Args:
        config: of a command, with the keys `labels`, `species` and `complete`.
        scored: the species of the scores, by name.

    Raises:
        AnnotationError: a table breaks a rule.
    """
    annotations = read_annotations(config.labels, scored, config.species)
    return annotations.declared(config.complete)
