"""What all designs of a queue have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import pandas as pd

from rfcx_audio.queues.earlier import Earlier
from rfcx_audio.queues.frame import Frame, QueueError
from rfcx_audio.verdicts import STRATUM_COLUMNS

NO_STRATA = pd.DataFrame(columns=pd.Index(STRATUM_COLUMNS))


@dataclass(frozen=True)
class Drawn:
    """The clips of a queue.

    Attributes:
        clips: rows of a frame's table in the order of the queue, and their `stratum` and
            `probability`.
        strata: the columns of `STRATUM_COLUMNS`; empty without chance.
        settings: plain JSON, of the draw.
    """

    clips: pd.DataFrame
    strata: pd.DataFrame = field(default_factory=NO_STRATA.copy)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Design(ABC):
    """Which clips of a frame are reviewed, and in which order.

    Attributes:
        number: of clips, at most.
        species: names of those to be reviewed; None: all.
        seed: of what is drawn by chance.
        min_spacing_s: between the starts of two clips of one species in a recording, at least;
            None: so that none overlap; 0: any. By chance, it thins out the windows before the draw,
            whatever their scores: the probabilities are those among the windows that are left.
        leave_out: labels, see `read_annotations`; what they label is not offered.
        unsure: whether clips are offered again about which a reviewer was unsure, reviewers
            disagree, or which were skipped.
    """

    number: int = 200
    species: Sequence[str] | None = None
    seed: int = 0
    min_spacing_s: float | None = None
    leave_out: str | None = None
    unsure: bool = False

    by_chance: ClassVar[bool] = False
    """Whether every clip has a known probability, so that estimates hold for the whole frame."""

    def __post_init__(self) -> None:
        """Checks the number."""
        if self.number < 1:
            raise QueueError(f"queue.number = {self.number}; expected 1 or more")

    @property
    def name(self) -> str:
        """Of the design, as `queue=…` takes it."""
        return type(self).__name__.lower()

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for, as plain JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @abstractmethod
    def draw(self, frame: Frame, earlier: Earlier) -> Drawn:
        """The queue.

        Args:
            frame: of the species to be reviewed; by chance, thinned out already.
            earlier: what is known of its candidates.

        Raises:
            QueueError: nothing is left to be reviewed, or an option does not fit.
        """
