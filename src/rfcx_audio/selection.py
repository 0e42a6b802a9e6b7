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
        ValueError: no run is finished.
    """
    runs, epochs = best_of(Path(config.folder)), epochs_of(Path(config.epochs))
    if not runs:
        raise ValueError(f"no run in {config.folder} is finished; give folder= of rfcx_audio.study")
    scores = Path(config.scores)
    scored = score_runs([*runs, *epochs], scores) + score_runs(epochs, scores, "test")
    _log.info("%d tables of scores were made, %d runs are measured", scored, len(runs))
    told = measure(runs, scores, config.teacher)
    by_epoch = measure(epochs, scores, config.teacher) if epochs else None
    page = write_selection(told, by_epoch, config.teacher, config.says, Path(config.docs))
    _log.info("the page is %s", page)


if __name__ == "__main__":
    main()
