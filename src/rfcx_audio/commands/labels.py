"""What the commands over scores have in common: labels, complete where the user states it."""

from __future__ import annotations

from rfcx_audio.config import DictConfig
from rfcx_audio.data import Annotations, read_annotations


def labels_of(config: DictConfig, num_species: int) -> Annotations:
    """The annotations in `labels`, complete where `complete` states it.

    Args:
        config: of a command, with the keys `labels`, `species` and `complete`.
        num_species: of the scores.

    Raises:
        AnnotationError: a table breaks a rule.
    """
    annotations = read_annotations(config.labels, num_species, config.species)
    return annotations.declared(config.complete)
