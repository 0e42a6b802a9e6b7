"""`python -m rfcx_audio.selection`: which measure of partial truth chooses the best model."""

from __future__ import annotations

import logging
from pathlib import Path

from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.experiment import best_of, epochs_of, measure, score_runs, write_selection

_log = logging.getLogger(__name__)


@entry_point("selection")
def main(config: DictConfig) -> None:
    """The command.

    Raises:
        ValueError: no run is finished, or scored where none is to be.
    """
    finished, epochs = best_of(Path(config.folder)), epochs_of(Path(config.epochs))
    scores = Path(config.scores)
    if config.score:
        score_runs(epochs, scores)
        score_runs(epochs, scores, "test")
        score_runs(finished, scores)
    runs = [one for one in finished if one.scores(scores, "held_out").exists()]
    epochs = [one for one in epochs if one.scores(scores, "test").exists()]  # and so the others
    if not runs:
        raise ValueError(
            f"no run in {config.folder} is finished, or none is scored and score=false; give the "
            "folder= of rfcx_audio.study"
        )
    _log.info("%d runs and %d checkpoints of epochs are measured", len(runs), len(epochs))
    told = measure(runs, scores, config.teacher)
    by_epoch = measure(epochs, scores, config.teacher) if epochs else None
    lacking = len(finished) - len(runs)
    docs = Path(config.docs)
    page = write_selection(told, by_epoch, config.teacher, config.says, docs, lacking)
    _log.info("the page is %s", page)


if __name__ == "__main__":
    main()
