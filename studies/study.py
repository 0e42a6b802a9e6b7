"""A study: its entries, seeds, questions, and levels of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from studies.jobs import Entry, Job, jobs_of
from studies.levels import Level, entries_by_level, read_levels


class Question(NamedTuple):
    """A comparison of two entries.

    Attributes:
        ask: the question, as shown on the page.
        of: name of an entry.
        against: name of the entry that it is compared with.
    """

    ask: str
    of: str
    against: str


@dataclass(frozen=True)
class Study:
    """A comparison of compositions, as `conf/study/` describes it.

    Attributes:
        page: the name of its page, picture and tables.
        title: of the page.
        introduction: what the numbers describe, in Markdown, without conclusions.
        compositions: the entries of its configuration.
        entries: the same; with levels, at every level.
        seeds: of the runs.
        questions: answered from the tables, see `studies.rules`.
        levels: of the data; if empty, all runs have the same data.
        metrics: names by column of the table of runs, for the page of a study with levels.
    """

    page: str
    title: str
    introduction: str
    compositions: list[Entry]
    entries: list[Entry]
    seeds: list[int]
    questions: list[Question]
    levels: list[Level]
    metrics: Mapping[str, str]

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Study:
        """The study of a configuration (`study`, built)."""
        entries = Entry.read(settings["entries"], settings["common"])
        levels = read_levels(settings.get("factors", {}))
        return cls(
            settings["page"],
            settings["title"],
            settings["introduction"].strip(),
            entries,
            entries_by_level(entries, levels) if levels else entries,
            settings["seeds"],
            [Question(**question) for question in settings.get("questions", [])],
            levels,
            settings.get("metrics", {"lwlrap": "LWLRAP", "auc": "macro ROC-AUC"}),
        )

    def jobs(self, folder: Path) -> list[Job]:
        """All runs of the study, in a folder."""
        return jobs_of(self.entries, self.seeds, folder)
