"""Paths on a command line; the oracle is Hydra's own parser of overrides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from rfcx_audio.config import CONF_DIR, _keys, load_config
from rfcx_audio.path_words import _KEYS, quote_paths

PATHS = [
    "runs/lr=0.1/best.ckpt",
    "my sounds [2024]/dawn.wav",
    "(copy) of a, b",
    "Zürich/Käuzchen",
    "it's here",
    "2024",
    "1e5",
    "true",
    "a'b\\",
    "plain/path_1-2.ckpt",
    "{x}",
    "~/sounds",
    "C:\\sounds\\owl.wav",
    "data/*/2023?.wav",
]


def parsed(word: str) -> object:
    return OverridesParser.create().parse_override(word).value()


def text(value: object) -> object:
    """A quoted text is an object of Hydra's."""
    return getattr(value, "text", value)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "key",
    [
        "checkpoint",
        "out",
        "+recordings",
        "recordings_table",
        "data.root",
        "data.source.species_file",
        "prior",
    ],
)
def test_a_path_is_what_it_is(key: str, path: str) -> None:
    (word,) = quote_paths([f"{key}={path}"])
    assert text(parsed(word)) == path


def test_what_may_be_true_is_a_path_otherwise() -> None:
    (word,) = quote_paths(["complete=my checks/all=1.csv"])
    assert text(parsed(word)) == "my checks/all=1.csv"


def test_a_list_of_paths_is_quoted_one_by_one() -> None:
    (word,) = quote_paths(["scores=[runs/a=1/s.parquet,b c.parquet,'d']"])
    found = parsed(word)
    assert isinstance(found, list)
    assert [text(one) for one in found] == ["runs/a=1/s.parquet", "b c.parquet", "d"]
    (word,) = quote_paths(["example=['a.wav,1,2', it's.wav,0,1]"])
    found = parsed(word)
    assert isinstance(found, list)
    assert [text(one) for one in found] == ["a.wav,1,2", "it's.wav", "0", "1"]


@pytest.mark.parametrize(
    "word",
    [
        *("recordings=null", "out=${paths.runs_dir}/x", "out='a b'", 'out="a=b"', "checkpoint="),
        *("complete=true", "data.source.complete=False", "data.source.species=[Owl,Wren]"),
        *("loss=bce", "seed=2024", "weights=[0.5,0.5]", "checkpoint=a/best.ckpt", "-m", "--help"),
    ],
)
def test_other_words_stay_as_they_are(word: str) -> None:
    assert quote_paths([word]) == [word]


def test_a_multirun_separates_values_by_commas() -> None:
    assert quote_paths(["-m", "checkpoint=a.ckpt,b.ckpt"])[1] == "checkpoint=a.ckpt,b.ckpt"
    assert quote_paths(["checkpoint=a.ckpt,b.ckpt"]) == ["checkpoint='a.ckpt,b.ckpt'"]


def test_a_configuration_composes_with_them() -> None:
    words = ["checkpoint=runs/lr=0.1 [x]/best.ckpt", "recordings=2024", "out=a,b"]
    config = load_config("predict", words)
    assert config.checkpoint == "runs/lr=0.1 [x]/best.ckpt"
    assert config.recordings == "2024"
    assert config.out == "a,b"


def test_every_key_is_one_of_a_configuration(tmp_path: Path) -> None:
    known = {"out", "hydra.run.dir", "hydra.sweep.dir"}
    roots = [path.stem for path in CONF_DIR.glob("*.yaml")]
    for root in roots:
        known |= set(_keys(load_config(root)))
    known |= set(_keys(load_config("train", ["data=table", "data/reader=cached"])))
    for encoder in ("birdnet", "checkpoint"):
        known |= set(_keys(load_config("embed", [f"model/encoder={encoder}"])))
    for path in (CONF_DIR / "queue").glob("*.yaml"):
        known |= set(_keys(load_config("review", [f"queue={path.stem}"])))
    assert known >= _KEYS


def test_files_that_a_comment_names_are_among_the_keys() -> None:
    """A key of a command whose comment begins with a CSV or ends a sentence on one."""
    for path in CONF_DIR.glob("*.yaml"):
        for line in path.read_text().splitlines():
            key, _, comment = line.partition(": ")
            if re.match(r"\w+$", key) and re.search(r"# (a CSV|.*\bor a CSV)", comment):
                assert key in _KEYS, f"{path.name}: {key}"
