"""`python -m rfcx_audio.crossval`: one run for each fold, and scores of every recording."""

from __future__ import annotations

import logging

from rfcx_audio.config import DictConfig, entry_point

_log = logging.getLogger(__name__)


@entry_point("crossval")
def main(config: DictConfig) -> None:
    """The command."""
    # Here, so that --help does not wait for torch.
    import pandas as pd
    from rich.console import Console

    from rfcx_audio.callbacks import rich_table
    from rfcx_audio.experiment import crossval, with_spread

    folder = crossval(config)
    table = with_spread(pd.read_csv(folder / "folds.csv")).set_index("fold").T
    Console().print(rich_table(table.reset_index(names="fold"), "folds"))
    _log.info("the folds are in %s", folder)


if __name__ == "__main__":
    main()
