"""The commands of the README's section "Own data", on a data set as a user has it."""

from __future__ import annotations

import re
import shlex
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from PIL import Image

from own_data_set import DURATION_S, HOURS, NEW_DAYS, RATE, SITES, SPECIES, write_own_data
from preloaded import run_module

pytestmark = pytest.mark.slow

README = (Path(__file__).parents[2] / "README.md").read_text()
VERBS = ["recipe", "train", "crossval", "calibrate", "predict", "evaluate", "prevalence", "detect"]
NAMES = sorted(SPECIES.values())
NUMBERED = re.compile(r"\bs\d+\b")  # s0, s1, …
_SMALL = ["scale=laptop", "trainer.max_epochs=3", "data.crops.crops_per_epoch=240"]
_SMALL += ["trainer.accelerator=cpu"]
SMALLER = {
    "train": _SMALL,
    "crossval": [*_SMALL, "data.folds.num_folds=2", "callbacks.report.num_pictures=1"],
    "recipe": [*_SMALL, "data.folds.num_folds=2", "callbacks.report.num_pictures=1"],
}


class Walk(NamedTuple):
    """The folder after the commands, what each printed and logged, and the data before them."""

    folder: Path
    printed: dict[str, str]
    logged: dict[str, str]
    before: dict[str, str]


def commands() -> list[list[str]]:
    """The words of the commands in the code blocks of the section."""
    section = README.partition("\n## Own data\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def contents(folder: Path) -> dict[str, str]:
    """A hash of each file of the user, by path."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for part in ("labelled", "new", "checked")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("walk")
    write_own_data(folder)
    before, printed, logged = contents(folder), {}, {}
    for program, verb, *words in commands():
        assert program == "rfcx-audio"
        done = run_module(f"rfcx_audio.{verb}", *words, *SMALLER.get(verb, []), cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        printed[verb], logged[verb] = done.stdout, done.stderr
    return Walk(folder, printed, logged, before)


def test_the_section_has_the_commands() -> None:
    assert [verb for _, verb, *_ in commands()] == VERBS


def test_the_data_stay_as_they_were(walk: Walk) -> None:
    assert contents(walk.folder) == walk.before


def test_species_sample_rate_and_range_are_those_of_the_data(walk: Walk) -> None:
    model = walk.folder / "model"
    assert pd.read_csv(model / "species.csv")["species"].to_list() == NAMES
    config = (model / "config.yaml").read_text()
    assert f"sample_rate: {RATE}" in config
    for name in NAMES:
        assert name in walk.printed["train"]


def test_no_table_or_line_names_a_species_by_its_number(walk: Walk) -> None:
    for text in (*walk.printed.values(), *walk.logged.values()):
        assert not NUMBERED.search(text), text
    tables = [path for path in walk.folder.rglob("*.csv") if "tensorboard" not in path.parts]
    assert len(tables) > 15
    for path in tables:
        assert not NUMBERED.search(path.read_text()), path


def test_printed_tables_have_whole_names(walk: Walk) -> None:
    for verb in ("calibrate", "evaluate", "prevalence"):
        for name in NAMES:
            assert name in walk.printed[verb]
        assert "…" not in walk.printed[verb]


def test_rates_of_both_sites_are_printed_for_each_species_with_events(walk: Walk) -> None:
    shown = walk.printed["detect"].partition("events per recorded hour")[2]
    assert re.search("species.*marsh.*ridge", shown)
    for name in pd.read_csv(walk.folder / "events" / "events.csv")["species"].unique():
        assert name in shown


def test_scores_have_a_column_of_each_species(walk: Walk) -> None:
    columns = ["recording_id", "t_min", "t_max", *NAMES]
    for place in ("scores/scores.parquet", "folds/oof_scores.parquet", "shares/scores.parquet"):
        assert list(pd.read_parquet(walk.folder / place)) == columns
    submission = pd.read_csv(walk.folder / "scores" / "submission.csv")
    assert list(submission) == ["recording_id", *NAMES]
    assert len(submission) == len(SITES) * len(HOURS) * NEW_DAYS


def test_tables_have_a_line_of_each_species(walk: Walk) -> None:
    for place in ("limits/thresholds", "checks/species", "checks/precision_recall"):
        table = pd.read_csv(walk.folder / f"{place}.csv")
        assert sorted(table["species"]) == NAMES
    assert sorted(pd.read_csv(walk.folder / "shares" / "prevalence.csv")["species"]) == NAMES


def test_every_checked_recording_counts(walk: Walk) -> None:
    """Those whose table is empty too: no call of the seven species is in them."""
    checked = sorted((walk.folder / "checked").rglob("*.txt"))
    empty = [path for path in checked if len(path.read_text().splitlines()) == 1]
    assert empty
    table = pd.read_csv(walk.folder / "checks" / "metrics.csv")
    assert (table["recordings"] == len(checked)).all()


def test_the_network_ranks_better_than_the_prior_alone(walk: Walk) -> None:
    table = pd.read_csv(walk.folder / "checks" / "metrics.csv").set_index("scores")
    assert table.loc["scores", "auc"] > 0.6


def test_events_have_names_sites_times_and_bands_of_their_species(walk: Walk) -> None:
    events = pd.read_csv(walk.folder / "events" / "events.csv")
    assert set(events["species"]) <= set(NAMES)
    assert set(events["site"]) == set(SITES)
    assert events["start_time"].str.fullmatch(r"2021-06-1[45]T\d\d:00:\d\d\.\d{3}-04:00").all()
    assert events["t_max"].max() <= DURATION_S
    bands = events.groupby("species")[["f_min", "f_max"]].first()
    rows = pd.read_csv(walk.folder / "labelled" / "marsh.selections.txt", sep="\t")
    rows = rows[(rows["Present"] == 1) & rows["Species"].isin(bands.index)].groupby("Species")
    for name, row in rows[["Low Freq (Hz)", "High Freq (Hz)"]].median().iterrows():
        assert bands.loc[name].to_list() == pytest.approx(row.to_list(), rel=0.01)


def test_the_summary_has_rates_of_every_recorded_hour_of_both_sites(walk: Walk) -> None:
    table = pd.read_csv(walk.folder / "events" / "by_site.csv")
    hours = table.drop_duplicates(["site", "date", "hour"])
    assert hours.groupby("site")["hour"].unique().map(list).to_dict() == {
        site: list(HOURS) for site in SITES
    }
    assert len(hours) == len(SITES) * len(HOURS) * NEW_DAYS
    rates = table["events"] / (table["recorded_minutes"] / 60)
    assert table["events_per_recorded_hour"].to_list() == pytest.approx(rates.to_list(), rel=1e-4)
    events = pd.read_csv(walk.folder / "events" / "events.csv")
    assert table["events"].sum() == len(events)


def test_the_pictures_are_there(walk: Walk) -> None:
    pictures = ["model/learning_curves", "limits/reliability", "checks/distributions"]
    pictures += ["shares/prevalence", "events/calls_by_hour"]
    for name in pictures:
        with Image.open(walk.folder / f"{name}.png") as picture:
            assert picture.width > 300
    assert len(list((walk.folder / "model" / "pictures").rglob("*.png"))) == 4
