"""`python -m studies.reviewer`: a reviewer who knows the truth, in place of a person."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio import read_annotations
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.verdicts import ABSENT, PRESENT, UNSURE, Verdict, VerdictStore
from studies import CONF_DIR

_log = logging.getLogger(__name__)
_CLEAR = 0.5  # of the shorter one of call and clip: in the clip without doubt


@entry_point("reviewer", CONF_DIR)
def main(config: DictConfig) -> None:
    """The command."""
    given = {key: config[key] for key in ("store", "truth", "name", "wrong", "seed", "number")}
    _log.info("%d verdicts in %s", answer(**given), config.store)


def answer(
    store: str | Path, truth: str | Path, name: str, wrong: float, seed: int, number: int | None
) -> int:
    """Answers the clips of the last queue that the reviewer has not answered.

    Args:
        store: of verdicts.
        truth: a table of every call, see `read_annotations`.
        name: of the reviewer.
        wrong: see `Reviewer`.
        seed: of the wrong verdicts.
        number: of clips, at most; None: all.

    Returns:
        How many were answered.
    """
    verdicts = VerdictStore.open(store)
    clips = verdicts.clips(int(verdicts.queues()["queue"].iloc[-1]))
    done = verdicts.answers()
    mine = done.loc[done["reviewer"] == name, "clip"]
    clips = clips[~clips["clip"].isin(mine)].head(number or len(clips))
    calls = read_annotations(truth)
    number_of = {species: number for number, species in calls.names.items()}
    if not number_of:
        number_of = {f"s{number}": number for number in set(calls.rows["species_id"])}
    reviewer = Reviewer(calls.rows, wrong, np.random.default_rng(seed), name)
    return len(verdicts.record(reviewer.verdicts(clips, number_of)))


@dataclass
class Reviewer:
    """A reviewer who knows every call, and errs with a given probability.

    A species is present for it where a call shares half of the time of the shorter one of clip and
    call, and absent where no call of it shares any; between them it is unsure.

    Attributes:
        truth: `recording_id`, `species_id`, `t_min`, `t_max` of every call.
        wrong: the share of verdicts that are turned round.
        rng: of the wrong ones.
        name: of the reviewer.
    """

    truth: pd.DataFrame
    wrong: float
    rng: np.random.Generator
    name: str = "simulated"

    def verdicts(self, clips: pd.DataFrame, number_of: Mapping[str, int]) -> list[Verdict]:
        """One for each clip.

        Args:
            clips: as `VerdictStore.clips` returns them.
            number_of: each species, by name.
        """
        calls = self.truth[["recording_id", "species_id", "t_min", "t_max"]]
        asked = clips.assign(species_id=clips["species"].map(dict(number_of)))
        pairs = asked.merge(calls, on=["recording_id", "species_id"], suffixes=("", "_call"))
        own, call = pairs[["t_min", "t_max"]], pairs[["t_min_call", "t_max_call"]]
        first = np.maximum(own["t_min"], call["t_min_call"])
        shared = np.minimum(own["t_max"], call["t_max_call"]) - first
        shorter = np.minimum(own["t_max"] - own["t_min"], call["t_max_call"] - call["t_min_call"])
        inside = pairs.assign(share=shared / shorter).groupby("clip")["share"].max()
        share = clips["clip"].map(inside).fillna(0.0).to_numpy()
        answers = np.where(share >= _CLEAR, PRESENT, np.where(share > 0, UNSURE, ABSENT))
        turned = self.rng.random(len(clips)) < self.wrong
        opposite = {PRESENT: ABSENT, ABSENT: PRESENT, UNSURE: UNSURE}
        return [
            Verdict(
                int(clip),
                self.name,
                opposite[str(one)] if turn else str(one),
                f"{self.name} {clip}",
            )
            for clip, one, turn in zip(clips["clip"], answers, turned, strict=True)
        ]


if __name__ == "__main__":
    main()
