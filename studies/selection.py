"""`python -m studies.selection`: compares measures of partial truth for choosing a model."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from rfcx_audio.config import DictConfig, entry_point
from studies import CONF_DIR
from studies.checkpoints import best_of, epochs_of, score_runs
from studies.measures import measure
from studies.selection_page import write_selection

_log = logging.getLogger(__name__)
STAGES = ("score", "measure", "page")


@entry_point("selection", CONF_DIR)
def main(config: DictConfig) -> None:
    """The command.

    Raises:
        ValueError: the stage is unknown, or no run is finished, scored or measured.
    """
    if config.stage not in STAGES:
        raise ValueError(f"stage = {config.stage!r}; choose {', '.join(STAGES)}")
    docs = Path(config.docs)
    table = docs / "selection.csv"
    if config.stage != "page":
        measured = measured_runs(config)
        docs.mkdir(parents=True, exist_ok=True)
        measured.to_csv(table, index=False, float_format="%.5f")
    elif not table.exists():
        raise ValueError(f"{table} does not exist; measure the runs first (stage=measure)")
    # Read again, so that the page depends on the written table only.
    runs = pd.read_csv(table)
    _log.info("the page is %s", write_selection(runs, config.teacher, docs, config.stage != "page"))


def measured_runs(config: DictConfig) -> pd.DataFrame:
    """All measures of the scored runs, and of the checkpoints of epochs.

    Raises:
        ValueError: no run is finished and scored.
    """
    finished, epochs = best_of(Path(config.folder)), epochs_of(Path(config.epochs))
    scores = Path(config.scores)
    if config.stage == "score":
        score_runs(epochs, scores)
        score_runs(epochs, scores, "test")
        score_runs(finished, scores)
    runs = [one for one in finished if one.scores(scores, "held_out").exists()]
    epochs = [one for one in epochs if one.scores(scores, "test").exists()]  # scored last
    if not runs:
        raise ValueError(
            f"no run in {config.folder} is finished, or none is scored; give the folder= of "
            "`python -m studies`, and stage=score"
        )
    _log.info(
        "%d of %d runs and %d checkpoints of epochs are scored",
        len(runs),
        len(finished),
        len(epochs),
    )
    parts = [measure(part, scores, config.teacher) for part in (runs, epochs) if part]
    return pd.concat(parts, ignore_index=True)


if __name__ == "__main__":
    main()
