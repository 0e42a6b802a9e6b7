"""The commands of docs/review.md, in their order, on a small rainforest."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import forest_overrides
from rfcx_audio.verdicts import VerdictStore

PAGE = Path(__file__).parents[2] / "docs" / "review.md"
QUICK = ("trainer.max_epochs=1", "data.crops.crops_per_epoch=32", "trainer.limit_val_batches=1")


def commands() -> list[list[str]]:
    """Every `python -m …` in the page's bash blocks: the module, and its words."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    text = "".join(blocks).replace("\\\n", " ")
    values = dict(re.findall(r'^(\w+)="(.*)"$', text, re.M))
    lines = re.findall(r"^python -m (.*)$", re.sub(r"\$(\w+)", lambda m: values[m[1]], text), re.M)
    return [shlex.split(line) for line in lines]


@pytest.mark.slow
def test_the_page_goes_from_a_model_to_one_that_learned_from_verdicts(
    tmp_path: Path, forest: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    given = commands()
    assert [module.rpartition(".")[2] for module, *_ in given] == [
        *("train", "predict", "review", "reviewer", "answers", "train"),
    ]
    printed = ""
    for module, *words in given:
        own = [word for word in words if not word.startswith("data.source.recipe")]
        own = [word.replace("data/review_forest", str(forest)) for word in own]
        own = [re.sub(r"number=\d+", "number=48", word) for word in own]
        if module.endswith("train"):
            own += [*QUICK, *forest_overrides(forest)[1:]]
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", [module, *own])
        importlib.import_module(module).main()
        printed = "".join(capfd.readouterr())
    review = tmp_path / "runs" / "review"
    store = VerdictStore.open(review / "clips" / "verdicts.sqlite")
    judged = store.answers()["answer"].isin(["present", "absent"]).sum()
    labels = pd.read_csv(review / "answers" / "labels" / "labels.csv")
    assert len(labels) == judged > 20
    rows = pd.read_csv(review / "answers" / "labels" / "rfcx" / "train_fp.csv")
    assert len(rows) == (labels["present"] == 0).sum()
    used = re.search(r"(\d+) of (\d+) rows are used", printed)
    assert used is not None
    assert int(used[2]) == 96 + judged
