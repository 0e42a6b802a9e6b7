"""`python -m studies study=deck`: runs a study, and writes its page."""

from __future__ import annotations

import logging
from pathlib import Path

from rfcx_audio.config import DictConfig, build, entry_point
from studies import CONF_DIR
from studies.curves import write_curves
from studies.jobs import run_jobs
from studies.page import write_page
from studies.results import Results, collect
from studies.study import Study

_log = logging.getLogger(__name__)
STAGES = ("run", "collect", "page")


@entry_point("study", CONF_DIR)
def main(config: DictConfig) -> None:
    """The command.

    Raises:
        ValueError: the stage is unknown, or there are no results for the page.
    """
    if config.stage not in STAGES:
        raise ValueError(f"stage = {config.stage!r}; choose {', '.join(STAGES)}")
    study, docs = Study.read(build(config.study)), Path(config.docs)
    jobs = study.jobs(Path(config.folder))
    if config.stage == "run":
        wanted = [job for job in jobs if config.only is None or job.entry.name in config.only]
        _log.info("%d runs failed", len(run_jobs(wanted, config.at_once)))
    if config.stage != "page":
        found = collect(jobs, study.questions)
        if study.levels:  # there are baselines of one place only, and curves have none
            found = found._replace(baselines=found.baselines.iloc[:0])
            if Results.exist(docs, study.page):  # data sets may be measured on different machines
                found = found.with_earlier(Results.read(docs, study.page), jobs)
        found.write(docs, study.page)
    write = write_curves if study.levels else write_page
    results = Results.read(docs, study.page)  # the page depends on the written tables only
    _log.info("the page is %s", write(study, results, docs, config.stage != "page"))


if __name__ == "__main__":
    main()
