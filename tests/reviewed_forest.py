"""Windows of the synthetic rainforest: its truth, scores of a known relation to it, a reviewer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, plan_rainforest
from rfcx_audio.queues import Drawn, Frame, Sample, frame_of_scores
from rfcx_audio.scores import Scores
from rfcx_audio.verdicts import ABSENT, PRESENT

WINDOW_S = 3.0


class Forest(NamedTuple):
    """Scores, a frame of them, and the truth of its candidates, in the same order."""

    scores: Scores
    frame: Frame
    present: np.ndarray

    def present_in(self, species: str) -> np.ndarray:
        return self.present[(self.frame.table["species"] == species).to_numpy()]

    def scores_of(self, species: str) -> np.ndarray:
        return self.frame.table.query("species == @species")["score"].to_numpy()


def forest_of_windows(recordings: int, per_class: int, seed: int = 0) -> dict[str, Forest]:
    """The rarest, the middle and the most common species, so many of each.

    A call is in the window that its middle lies in. The scores are logistic normal numbers, higher
    by 1.5 to 4.5 in log-odds where the species calls.
    """
    rows = {"tp_per_species": 2, "fp_per_species": 2}
    recipe = Rainforest(num_train=recordings, num_test=recordings // 4, seed=seed, **rows)
    plan = plan_rainforest(recipe, rfcx_templates())
    names = sorted({scene.recording_id for scene in plan.scenes})
    windows = int(recipe.duration_s // WINDOW_S)
    truth = np.zeros((len(names), windows, 24), bool)
    middle = (plan.truth["t_min"] + plan.truth["t_max"]) / 2
    place = pd.Index(names).get_indexer(plan.truth["recording_id"])
    window = np.minimum(middle // WINDOW_S, windows - 1).astype(int)
    truth[place, window, plan.truth["species_id"]] = True
    present = truth.reshape(-1, 24)
    rng = np.random.default_rng([seed, 1])
    apart = rng.permutation(np.linspace(1.5, 4.5, 24))
    odds = -3 + apart * present + rng.normal(0, 1.2, present.shape)
    starts = np.tile(np.arange(windows) * WINDOW_S, len(names))
    keys = pd.DataFrame({"recording_id": np.repeat(names, windows), "t_min": starts})
    keys["t_max"] = keys["t_min"] + WINDOW_S
    order = np.argsort(present.mean(0))
    chosen = {
        "rare": order[:per_class],
        "middle": order[12 : 12 + per_class],
        "common": order[-per_class:],
    }
    forests = {}
    for kind, columns in chosen.items():
        values = 1 / (1 + np.exp(-odds[:, columns]))
        scores = Scores(keys, values, tuple(f"species_{n}" for n in columns))
        frame = frame_of_scores(scores, {})
        forests[kind] = Forest(scores, frame, present[:, columns].ravel())
    return forests


def reviewed(forest: Forest, drawn: Drawn, share: float) -> Sample:
    """What a reviewer who is always right has answered of the first share of a queue."""
    done = round(share * len(drawn.clips))
    place = forest.frame.table.index.get_indexer(drawn.clips.index[:done])
    status = np.where(forest.present[place], PRESENT, ABSENT)
    text = {"species": drawn.clips["species"].astype(str)}
    clips = drawn.clips.assign(queue=1, **text)[["queue", "species", "stratum", "score"]]
    queues = pd.DataFrame({"queue": [1], "by_chance": True, "kind": "windows"})
    queues = queues.assign(design="chance", frame="forest", source="model", calibrated=False)
    return Sample(queues, drawn.strata.assign(queue=1), clips[:done].assign(status=status))
