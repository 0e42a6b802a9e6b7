"""Which clips a reviewer is shown next, and how far a queue is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from rfcx_audio.verdicts import PRESENT, SKIPPED, Standing

OncePer = Literal["recording", "site"]
"""Where one confirmed clip of a species is enough."""

_COLUMN = {"recording": "recording_id", "site": "site"}


class Order:
    """The order of a queue for each of its reviewers.

    First come the clips that no reviewer has answered, in the order of the queue, then those that
    others have and this one has not, and those that this one has skipped. What others answered is
    not shown.

    Args:
        table: `VerdictStore.clips` of one queue.
        once_per: where one confirmed clip of a species is enough: the others of that place that
            have no answer are passed over; None: nowhere. An unknown site is no place.

    Raises:
        ValueError: `once_per` is none of these.
    """

    def __init__(self, table: pd.DataFrame, once_per: OncePer | None = None) -> None:
        if once_per is not None and once_per not in _COLUMN:
            raise ValueError(f"once_per={once_per}; expected {', '.join(_COLUMN)} or null")
        self.numbers: list[int] = table["clip"].astype(int).to_list()
        self.species: dict[int, str] = dict(zip(self.numbers, table["species"], strict=True))
        self._places: dict[int, tuple[str, str]] = {}
        if once_per is not None:
            names = table[_COLUMN[once_per]]
            pairs = zip(self.numbers, table["species"], names, strict=True)
            self._places = {number: (species, name) for number, species, name in pairs if name}

    def upcoming(
        self,
        standing: Iterable[Standing],
        reviewer: str,
        shown_to_others: Collection[int] = (),
        species: str | None = None,
    ) -> list[int]:
        """All clips that are left to a reviewer.

        Args:
            standing: the verdicts, in their order.
            reviewer: whose.
            shown_to_others: clips that other reviewers have before them, which come later, so that
                two who work at once do not answer the same.
            species: only of this one; None: of all.
        """
        last = _last(standing)
        answered = _answered(last)
        mine = {
            clip: place for place, ((clip, who), _) in enumerate(last.items()) if who == reviewer
        }
        passed = self._passed_over(last)
        ranks = []
        for place, number in enumerate(self.numbers):
            if species not in (None, self.species[number]) or number in passed:
                continue
            if number not in mine:
                rank = 2 if number in answered else 1 if number in shown_to_others else 0
                ranks.append((rank, place, number))
            elif last[number, reviewer] == SKIPPED:
                ranks.append((3, mine[number], number))
        return [number for _, _, number in sorted(ranks)]

    def progress(self, standing: Iterable[Standing], reviewer: str) -> dict[str, Any]:
        """How far the queue is, as plain JSON: numbers of clips, and of each species `[k, n]`."""
        last = _last(standing)
        answered = _answered(last)
        of_each = Counter(self.species[number] for number in answered)
        totals = Counter(self.species.values())
        own = [answer for (_, who), answer in last.items() if who == reviewer]
        return {
            "total": len(self.numbers),
            "answered": len(answered),
            "mine": sum(answer != SKIPPED for answer in own),
            "skipped": sum(answer == SKIPPED for answer in own),
            "passed_over": len(self._passed_over(last)),
            "species": {name: [of_each[name], total] for name, total in sorted(totals.items())},
        }

    def _passed_over(self, last: Mapping[tuple[int, str], str]) -> set[int]:
        confirmed = {
            self._places[clip]
            for (clip, _), answer in last.items()
            if answer == PRESENT and clip in self._places
        }
        with_answer = _answered(last)
        return {
            number
            for number, place in self._places.items()
            if place in confirmed and number not in with_answer
        }


def last_of(standing: Sequence[Standing], reviewer: str) -> list[Standing]:
    """What undoing brings back: a reviewer's last verdict, and those that were sent with it.

    Requests of a whole page have the same beginning, before a colon.
    """
    own = [one for one in standing if one.reviewer == reviewer]
    if not own:
        return []
    begin = own[-1].request.partition(":")[0]
    return [one for one in own if one.request.partition(":")[0] == begin]


def _last(standing: Iterable[Standing]) -> dict[tuple[int, str], str]:
    """The answer that counts by clip and reviewer, in the order in which they were given."""
    last: dict[tuple[int, str], str] = {}
    for one in standing:
        last.pop((one.clip, one.reviewer), None)
        last[one.clip, one.reviewer] = one.answer
    return last


def _answered(last: Mapping[tuple[int, str], str]) -> set[int]:
    return {clip for (clip, _), answer in last.items() if answer != SKIPPED}
