"""The real page in Firefox, by keys and by mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firefox import Firefox, firefox
from review_pages import answers, served

pytestmark = pytest.mark.slow

NAME = "ana"
SHOWN = "document.body.dataset.shown"
SAVED = "document.querySelector('#saved').textContent === 'saved'"


@pytest.fixture(scope="module")
def window(folder: Path) -> Iterator[Firefox]:
    with firefox() as one, served(folder) as server:
        one.open(server.address)
        one.wait("document.querySelector('#name').checkVisibility()")
        one.click("#name")
        one.press(*NAME, "Enter")
        one.wait(SHOWN)
        yield one
        assert one.faults == []


def answered(window: Firefox, *keys: str) -> int:
    """Presses keys on a clip, waits for the next, and returns the number of the former."""
    before = window.wait(SHOWN)
    window.press(*keys)
    window.wait(f"{SHOWN} && {SHOWN} !== '{before}'")
    return int(before)


def test_it_loads_shows_the_spectrogram_and_plays(window: Firefox) -> None:
    assert "token" not in window.run("location.href")
    assert window.run("document.querySelector('h1').textContent") in ("Bell frog", "Whistling owl")
    assert window.run("document.documentElement.scrollHeight <= 800")
    assert len(window.picture()) > 50_000  # of a spectrogram; an empty window is smaller
    if window.sound:
        window.wait("Number(document.body.dataset.line) > 0")


def test_one_key_a_verdict_and_undo(window: Firefox, folder: Path) -> None:
    given = {answered(window, key): key for key in ("y", "n", "u", "s", "y")}
    answered(window, "z")
    window.wait(SAVED)
    words = {"y": "present", "n": "absent", "u": "unsure", "s": "skipped"}
    expected = {clip: words[key] for clip, key in list(given.items())[:-1]}
    assert {clip: row["answer"] for clip, row in answers(folder, NAME).items()} == expected
    assert int(window.wait(SHOWN)) == list(given)[-1]


def test_another_species_by_name_and_a_box_by_keys(window: Firefox, folder: Path) -> None:
    other = answered(window, "o", *"rail", "Enter")
    moved = answered(window, "ArrowRight", "Shift+ArrowRight", "y")
    window.wait(SAVED)
    found = answers(folder, NAME)
    assert found[other]["other_species"] == "rail"
    row = found[moved]
    step = 0.01 * (row["clip_t_max"] - row["clip_t_min"] + 2.0)
    assert row["t_min"] == pytest.approx(row["clip_t_min"] + step, abs=0.005)
    assert row["t_max"] == pytest.approx(row["clip_t_max"] + 2 * step, abs=0.005)


def test_many_at_once(window: Firefox, folder: Path) -> None:
    before = len(answers(folder, NAME))
    window.press("g")
    window.wait("document.querySelector('#sendGrid').textContent.includes('confirm')")
    window.wait("document.querySelectorAll('.cell').length >= 12")
    window.click(".cell")
    window.wait("document.querySelector('.cell[data-mark=absent]')  !== null")
    window.click("#sendGrid")
    window.wait(r"/^\d+ of \d+ confirmed/.test(document.querySelector('#status').textContent)")
    window.wait(SAVED)
    given = [row["answer"] for row in answers(folder, NAME).values()]
    assert len(given) >= before + 12
    window.press("g")
