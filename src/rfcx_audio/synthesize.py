"""`python -m rfcx_audio.synthesize`: writes a synthetic rainforest in the RFCX layout."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rfcx_audio.config import DictConfig, build, entry_point

if TYPE_CHECKING:  # --help does not wait for torch
    from rfcx_audio.data import SyntheticFolder

_log = logging.getLogger(__name__)


@entry_point("synthesize")
def main(config: DictConfig) -> None:
    """The command."""
    source: SyntheticFolder = build(config.data.source)
    source.prepare()
    _log.info("the data set is in %s", source.root)


if __name__ == "__main__":
    main()
