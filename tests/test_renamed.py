from __future__ import annotations

import re
from importlib import import_module

import pytest

from rfcx_audio.config import ConfigError, load_config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss=large_loss_reject"], "loss=large_loss_reject is now loss=large_loss_r"),
        (["loss=bce,large_loss_correct"], "loss=large_loss_correct is now loss=large_loss_ct"),
        (["loss=large_loss_correct_for_good"], "is now loss=large_loss_cp"),
        (
            ["loss=clip_and_frame", "loss@loss.loss=large_loss_reject"],
            "loss@loss.loss=large_loss_reject is now loss@loss.loss=large_loss_r",
        ),
        (["loss=large_loss_r", "loss.then=correct"], "loss.then= is now loss.variant="),
        (["method=frequency_filtering", "method.hear=all"], "method.hear= is now method.train_on="),
    ],
)
@pytest.mark.parametrize("root", ["train", "crossval", "relabel"])
def test_former_options_and_keys_are_answered_with_the_new_ones(
    root: str, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(root, words)


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        ("evaluate", ["scores=s", "truth=t"], "truth= is now labels="),
        ("calibrate", ["scores=s", "truth=t"], "scores= is now oof=, and scores= the table"),
        ("calibrate", ["oof=s", "labels=t", "apply=a"], "apply= is now scores="),
        ("calibrate", ["oof=s", "labels=t", "resamples=5"], "resamples= is now num_bootstrap="),
        ("ensemble", ["scores=[a]", "out_of_fold=[b]"], "out_of_fold= is now oof="),
        ("prevalence", ["scores=s", "known_scores=k"], "known_scores= is now oof="),
        ("prevalence", ["scores=s", "rows=k"], "rows= is now labels="),
        ("prevalence", ["scores=s", "truth=k"], "truth= is now complete_labels="),
    ],
)
def test_former_keys_are_answered_with_the_new_ones(
    command: str, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(command, words)
    monkeypatch.setattr("sys.argv", [command, *words])
    with pytest.raises(SystemExit, match=message):
        import_module(f"rfcx_audio.{command}").main()


def test_a_round_to_go_back_to_has_a_plain_name() -> None:
    with pytest.raises(ConfigError, match="take_back= is now rollback_to="):
        load_config("relabel", ["take_back=1"])
