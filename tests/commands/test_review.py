from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import rfcx_audio
from preloaded import run_module
from queued import scores_of
from quick import words
from review_pages import write_review
from rfcx_audio.commands.review import (
    check_installed,
    check_recordings,
    prepared,
    queue_of,
)
from rfcx_audio.config import load_config
from rfcx_audio.verdicts import VerdictError, VerdictStore


def of(folder: Path, *words: str):
    config = load_config("review", [f"recordings={folder / 'audio'}", *words])
    return prepared(config, folder / "review" / "verdicts.sqlite")


def test_the_command_serves_the_last_queue_of_a_store(tmp_path: Path) -> None:
    store = write_review(tmp_path)
    store.add_queue("top", store.clips(1).head(2), store.strata()[:0], 0, {})
    review = of(tmp_path, "reviewer=ana", "once_per=recording")
    assert review.about()["queue"] == 2
    assert review.about()["reviewer"] == "ana"
    assert review.about()["views"] == ["fine"]
    state = review.state("ana")
    assert [one["clip"] for one in state["upcoming"]] == [13, 14]
    review.close()


def test_clips_by_chance_are_not_passed_over(tmp_path: Path) -> None:
    write_review(tmp_path)
    with pytest.raises(ValueError, match="drawn by chance, so that no estimate would hold"):
        of(tmp_path, "once_per=site")


def test_a_missing_extra_is_named() -> None:
    check_installed(["json"])
    with pytest.raises(ValueError, match=r'needs no_such_package: pip install "rfcx-audio\[review'):
        check_installed(["json", "no_such_package"])


def test_recordings_that_are_missing_are_named(caplog: pytest.LogCaptureFixture) -> None:
    table = pd.DataFrame({"recording_id": ["a", "b", "a", "c", "d", "e"]})
    check_recordings(table, ["a", "b", "c", "d", "e", "more"], "audio")
    assert not caplog.text
    check_recordings(table, ["a"], "audio")
    assert "recordings=audio lacks 4 of 5 recordings of the queue" in caplog.text
    with pytest.raises(ValueError, match=r"lacks 5 of 5 .*: a, b, c, …; give the folder"):
        check_recordings(table, ["x"], "audio")


def test_stores_that_cannot_be_used_are_refused_in_words(tmp_path: Path) -> None:
    write_review(tmp_path)
    for word, reason in (
        ("once_per=day", "once_per=day; expected recording, site or null"),
        ("context_s=-1", "context_s=-1; expected 0 to 30"),
    ):
        with pytest.raises(ValueError, match=reason):
            of(tmp_path, word)
    place = tmp_path / "review" / "verdicts.sqlite"
    place.unlink()
    with pytest.raises(ValueError, match=r"verdicts.sqlite does not exist; give scores=…"):
        of(tmp_path)
    VerdictStore.open(place, create=True)
    with pytest.raises(ValueError, match=r"verdicts.sqlite has no queue; give scores=…"):
        of(tmp_path)
    place.write_text("no database")
    with pytest.raises(VerdictError, match="is no store of verdicts"):
        of(tmp_path)


def test_a_queue_is_drawn_once_and_again_when_its_options_or_scores_change(
    tmp_path: Path,
) -> None:
    scores_of(4).write(tmp_path / "scores.parquet")
    (tmp_path / "audio").mkdir()
    for n in range(4):
        path = tmp_path / "audio" / f"night_{n:04d}.wav"
        soundfile.write(path, np.zeros(33_000, np.float32), 1000)
    scores, number = f"scores={tmp_path / 'scores.parquet'}", "queue.number=12"

    def queue(*words: str) -> int:
        review = of(tmp_path, *words)
        review.close()
        return review.about()["queue"]

    assert queue(scores, number) == 1
    assert queue(scores, number) == 1  # goes on where it was
    assert queue() == 1
    assert queue(scores, number, "queue=top") == 2
    assert queue(scores, number, "queue=top", "queue.species=[owl]") == 3
    assert queue(scores, number, "queue=top", "queue.species=[owl]", "queue.seed=1") == 4
    scores_of(4, seed=1).write(tmp_path / "scores.parquet")
    assert queue(scores, number, "queue=top", "queue.species=[owl]", "queue.seed=1") == 5
    assert queue() == 5
    store = VerdictStore.open(tmp_path / "review" / "verdicts.sqlite")
    assert store.queues()["design"].to_list() == ["strata", "top", "top", "top", "top"]
    assert set(store.clips(4)["species"]) == {"owl"}


@pytest.mark.slow
def test_a_refusal_is_one_sentence(tmp_path: Path) -> None:
    write_review(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = [f"port={port}", "browser=false", f"out={tmp_path / 'review'}"]
        done = run_module(
            "rfcx_audio.review", *line, f"recordings={tmp_path / 'audio'}", cwd=tmp_path
        )
    assert done.returncode == 1
    assert f"port={port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_checkpoint_adds_its_view_and_its_species(tmp_path: Path, forest: Path) -> None:
    run = tmp_path / "run"
    rfcx_audio.train(*words(forest, run, "model=tiny", "trainer.max_epochs=1"))
    write_review(tmp_path)
    review = of(tmp_path, f"checkpoint={run / 'checkpoints' / 'last.ckpt'}")
    assert review.about()["views"] == ["model", "fine"]
    assert len(review.about()["species"]) > 2
    _, model = review.picture(1, "model")
    _, fine = review.picture(1, "fine")
    assert (model["f_min"], model["f_max"]) == (fine["f_min"], fine["f_max"])
    assert not model["smooth"]
    review.close()


def test_the_queue_of_a_search_is_answered_too(tmp_path: Path) -> None:
    write_review(tmp_path)
    found = pd.DataFrame({"recording_id": ["site_a/r0"] * 2, "t_min": [1.0, 7.0]})
    found = found.assign(t_max=found["t_min"] + 2.0, species="owl", present="?", score=[0.9, 0.8])
    found.to_csv(tmp_path / "queue.csv", index=False)
    words = [f"detections={tmp_path / 'queue.csv'}", "queue=top", f"out={tmp_path / 'other'}"]
    words += [f"recordings={tmp_path / 'audio'}"]
    store, queue = queue_of(load_config("review", words), tmp_path / "other" / "verdicts.sqlite")
    clips = store.clips(queue)
    assert clips[["recording_id", "t_min", "t_max", "score"]].to_numpy().tolist() == [
        ["site_a/r0", 1.0, 3.0, 0.9],
        ["site_a/r0", 7.0, 9.0, 0.8],
    ]


def test_without_a_page_the_queue_is_drawn_for_later(tmp_path: Path) -> None:
    write_review(tmp_path)
    folder = tmp_path / "review"
    line = [f"out={folder}", f"recordings={tmp_path / 'audio'}", "page=false"]
    done = run_module("rfcx_audio.review", *line, cwd=tmp_path)
    clips = len(VerdictStore.open(folder / "verdicts.sqlite").clips())
    assert f"{clips} clips are queued in {folder / 'verdicts.sqlite'}" in done.stdout
