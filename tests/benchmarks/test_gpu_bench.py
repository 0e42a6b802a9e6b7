from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from benchmarks import gpu_bench
from benchmarks.gpu_bench import REHEARSAL, groups, measure
from benchmarks.limit import Limit
from benchmarks.report import file_name
from benchmarks.timing import NotMeasured, Row


def row(what: str) -> Row:
    return Row(what, "ours", "theirs", "s", [(1.0, 2.0)], 1.0)


def test_each_line_is_printed_and_written_before_the_next_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []

    def two() -> Iterator[Row]:
        yield row("a")
        kept = json.loads((tmp_path / file_name()).read_text())["rows"]
        seen.append(([line["group"] for line in kept], "a: ours" in capsys.readouterr().out))
        yield row("b")

    assert measure({"two": two}, Limit(60), tmp_path) == [row("a"), row("b")]
    assert seen == [(["a"], True)]


def test_what_fails_or_comes_too_late_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    def late() -> Iterator[Row]:
        yield row("first")
        sleep(20)

    def wrong() -> Iterator[Row]:
        raise RuntimeError("out of memory\nand more")

    found = measure(
        {"wrong": wrong, "late": late, "last": lambda: [row("last")]}, Limit(0.5), tmp_path
    )
    content = json.loads((tmp_path / file_name()).read_text())
    assert [line["group"] for line in content["rows"]] == ["first"]
    assert content["not_measured"]["wrong"] == "RuntimeError: out of memory"
    assert "interrupted" in content["not_measured"]["late"]
    assert "limit" in content["not_measured"]["last"]
    assert [isinstance(one, NotMeasured) and one.failed for one in found] == [
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([row("a")], 0),
        ([NotMeasured("a", "a package is missing")], 0),
        ([row("a"), NotMeasured("b", "it failed", failed=True)], 1),
    ],
)
def test_only_what_failed_or_was_not_reached_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[Row | NotMeasured], code: int
) -> None:
    monkeypatch.setattr(gpu_bench, "measure", lambda *_: found)
    assert gpu_bench.main(["--device", "cpu", "--results", str(tmp_path)]) == code


@pytest.mark.slow
def test_the_goals_of_the_table_are_measured_on_a_cpu_at_a_small_size(tmp_path: Path) -> None:
    chosen = groups(tmp_path, REHEARSAL, "cpu")
    kept = ("recordings", "training from the decoded cache", "experiment=best", "prediction")
    found = measure({name: chosen[name] for name in kept}, Limit(300), tmp_path / "results")
    assert not any(isinstance(one, NotMeasured) and one.failed for one in found)
    goals = {(one.ours, one.other): one.goal for one in found if isinstance(one, Row)}
    assert goals[("from the decoded cache", "ready tensors")] == 1.10
    assert goals[("ready tensors", "the encoder alone")] == 1.3
    assert goals[("predict", "network alone")] == 1.15
    assert all(one.ratio > 0 for one in found if isinstance(one, Row))
