"""`python -m rfcx_audio.study`: runs a comparison of compositions, and writes what it found."""

from __future__ import annotations

import logging
from pathlib import Path

from rfcx_audio.config import DictConfig, build, entry_point
from rfcx_audio.experiment import (
    Entry,
    entries_by_level,
    jobs_of,
    read_levels,
    run_jobs,
    write_curves,
    write_report,
)

_log = logging.getLogger(__name__)


@entry_point("study")
def main(config: DictConfig) -> None:
    """The command."""
    told = build(config.study)
    entries = Entry.read(told["entries"], told["common"])
    levels = read_levels(told.get("factors", {}))
    if levels:
        entries = entries_by_level(entries, levels)
    jobs = jobs_of(entries, told["seeds"], Path(config.folder))
    wanted = [job for job in jobs if config.only is None or job.entry.name in config.only]
    failed = run_jobs(wanted, config.at_once) if config.at_once else []
    docs = Path(config.docs)
    page = write_curves(jobs, levels, told, docs) if levels else write_report(jobs, told, docs)
    _log.info("%d runs failed; the page is %s", len(failed), page)


if __name__ == "__main__":
    main()
