"""`python -m rfcx_audio.relabel`: pseudo-labels in rounds, and a run that learns from them."""

from __future__ import annotations

import logging

from rfcx_audio.config import DictConfig, entry_point

_log = logging.getLogger(__name__)


@entry_point("relabel")
def main(config: DictConfig) -> None:
    """The command."""
    # Here, so that --help does not wait for torch.
    import pandas as pd
    from rich.console import Console

    from rfcx_audio.callbacks import rich_table
    from rfcx_audio.experiment import relabel

    folder = relabel(config)
    table = pd.read_csv(folder / "rounds.csv").astype(object)
    title = "pseudo-labels by round; truth_… is measured with the true calls"
    Console().print(rich_table(table, title))
    _log.info("the rounds are in %s", folder)


if __name__ == "__main__":
    main()
