"""Scores that are no out-of-fold evidence, since teachers of pseudo-labels saw the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rfcx_audio.scores.scores import Scores

SEEN = "teachers_saw"
"""Key of the metadata: the recordings whose labels the teachers of the model's pseudo-labels saw;
missing for a model without pseudo-labels."""


def leaked_recordings(scores: Scores) -> list[str]:
    """The scored recordings whose labels reached the model by its pseudo-labels, sorted."""
    return sorted(_seen(scores.metadata) & set(scores.recordings))


def check_unseen(scores: Scores, name: str) -> None:
    """Checks that scores are evidence on recordings whose labels their model did not learn from.

    Args:
        scores: with metadata, of one model or of an ensemble.
        name: of the table, for the message.

    Raises:
        ValueError: pseudo-labels have leaked labels of these recordings to the model.
    """
    leaked = leaked_recordings(scores)
    if leaked:
        raise ValueError(
            f"{name} is no out-of-fold evidence: its model learned from pseudo-labels whose "
            f"teachers saw the labels of {len(leaked)} of its {len(scores.recordings)} recordings, "
            f"the first {leaked[0]!r}; give scores of rfcx_audio.crossval without data.pseudo_rows "
            "and data.soft_labels"
        )


def _seen(metadata: Mapping[str, Any]) -> set[str]:
    """Of a model, or of all members of an ensemble."""
    members = [_seen(one["made_with"]) for one in metadata.get("members", [])]
    return set(metadata.get(SEEN, [])).union(*members)
