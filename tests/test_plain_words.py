"""The check of words finds what it should, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from plain_words import ALLOWED, GUARDED, INSTEAD, files, findings, main

SAMPLES = {
    "because (as a key)": "- {of: epr, because: it ties}",
    "deaf": "a network that is deaf to it",
    "for good": "loss=large_loss_correct_for_good",
    "hear": "class HearAll(nn.Module):",
    "lacking": "raise ValueError(f'{lacking} columns')",
    "listen": '"""Listens to a band."""',
    "nobody": "species of which nobody knows",
    "said": "NOTHING_SAID = labels",
    "say": "# Where rows say so.",
    "seen as": "seen_as: rows",
    "somebody": "# what Somebody wrote",
    "speak of": "def test_rows_that_speak_of_a_window():",
    "surety": "surety = 0.5",
    "take back": "take_back: 3",
    "told": "was_told = known > 0",
    "unsaid": "from rfcx_audio.loss.unsaid import exact",
    "usual shift": "usual_shift=0.3",
}


@pytest.mark.parametrize("entry", INSTEAD)
def test_each_word_is_found_in_a_sample(entry: str) -> None:
    text = f"first line\n{SAMPLES[entry]}\n"
    assert [(one.line, one.entry) for one in findings(text)] == [(2, entry)]
    assert not findings(text, allowed=[entry])


@pytest.mark.parametrize(
    "text",
    [
        "the heart of the shear wall; essays; untoldly",
        "it is slower because it waits",
        "speakers of a stereo recording",
        "target, known = labels; a known absence",
        "isinstance(labels, Labels)  # a good reason for goodness",
    ],
)
def test_words_that_only_look_alike_pass(text: str) -> None:
    assert not findings(text)


def test_a_finding_is_printed_with_its_place_and_what_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("told = 1\n")
    (tmp_path / "room" / "picture.png").write_bytes(b"\xfftold")
    assert main(["room"], tmp_path) == 1
    assert capsys.readouterr().out.startswith("room/a.py:1: 'told'; write instead: labelled")


def test_a_guarded_path_that_was_moved_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="GUARDED"):
        list(files(["gone"], tmp_path))


def test_the_guarded_rooms_are_clean() -> None:
    assert len(list(files(GUARDED))) > 100
    assert main() == 0


def test_exceptions_are_needed() -> None:
    for name, words in ALLOWED.items():
        if "plain_words" in name:  # the list itself, and its samples
            continue
        text = next(files([name])).read_text("utf-8")
        assert {one.entry for one in findings(text)} >= set(words), name
