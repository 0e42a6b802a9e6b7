"""The real page in Chromium: by keys and by mouse, with a server that is killed and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from review_pages import Served, answers, browser, served, write_review
from rfcx_audio.verdicts import VerdictStore

pytestmark = pytest.mark.slow

SIZE = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def server(folder: Path, chromium: Any) -> Iterator[Served]:
    with served(folder) as one:
        yield one


class Page:
    """A reviewer's window."""

    def __init__(self, chromium: Any, address: str, reviewer: str, **size: int) -> None:
        self.window = chromium.new_context(viewport={**SIZE, **size})
        self.page = self.window.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(address)
        self.page.locator("#name").fill(reviewer)
        self.page.keyboard.press("Enter")
        self.page.locator("body[data-shown]").wait_for(state="attached", timeout=20_000)

    @property
    def clip(self) -> int:
        self.page.locator("body:not([data-shown=''])").wait_for(state="attached")
        return int(self.page.evaluate("() => document.body.dataset.shown"))

    @property
    def line(self) -> str:
        """Where the playing line is, in s of the recording; empty while nothing plays."""
        return self.page.evaluate("() => document.body.dataset.line")

    def answer(self, *keys: str) -> int:
        """Presses keys on a clip, waits for the next, and returns the number of the former."""
        before = self.clip
        for key in keys:
            self.page.keyboard.press(key)
        self.page.locator(f"body:not([data-shown='{before}'])").wait_for(state="attached")
        return before

    def saved(self) -> None:
        self.page.locator("#saved").get_by_text("saved", exact=True).wait_for(timeout=20_000)

    def close(self) -> None:
        self.window.close()
        assert self.faults == []


@pytest.fixture
def page(chromium: Any, server: Served, request: pytest.FixtureRequest) -> Iterator[Page]:
    one = Page(chromium, server.address, f"reviewer of {request.node.name}")
    yield one
    one.close()


def name_of(request: pytest.FixtureRequest) -> str:
    return f"reviewer of {request.node.name}"


def test_a_page_loads_plays_and_moves_its_line(page: Page) -> None:
    assert page.page.url.endswith("/")  # the token is not in the address any more
    assert page.page.locator("h1").inner_text() in ("Bell frog", "Whistling owl")
    start = page.line
    page.page.wait_for_timeout(300)
    assert float(page.line) > float(start)  # at once: the name was typed before
    page.page.keyboard.press("4")  # a tenth of the speed
    before = float(page.line)
    page.page.wait_for_timeout(300)
    assert 0 < float(page.line) - before < 0.2
    page.page.keyboard.press("Space")
    page.page.wait_for_timeout(100)
    assert page.line == ""


def test_one_key_a_verdict_and_undo(
    page: Page, folder: Path, request: pytest.FixtureRequest
) -> None:
    given = {page.answer(key): key for key in ("y", "n", "u", "s", "y")}
    undone = page.answer("z")
    page.saved()
    found = {clip: row["answer"] for clip, row in answers(folder, name_of(request)).items()}
    words = {"y": "present", "n": "absent", "u": "unsure", "s": "skipped"}
    expected = {clip: words[key] for clip, key in given.items()}
    last = expected.popitem()[0]
    assert (page.clip, undone) == (last, last + 1)  # it is shown again
    assert found == expected
    page.page.reload()
    page.page.locator(f"body[data-shown='{last}']").wait_for(state="attached")
    page.answer("z")  # what an earlier page answered can be undone too
    page.saved()
    assert len(answers(folder, name_of(request))) == 3
    first = page.clip
    for _ in range(5):
        page.page.keyboard.down("y")  # held
    page.page.keyboard.up("y")
    page.saved()
    assert len(answers(folder, name_of(request))) == 4
    assert page.clip != first


def test_another_species_is_found_by_its_name(
    page: Page, folder: Path, request: pytest.FixtureRequest
) -> None:
    species = page.page.locator("h1").inner_text()
    other = "Whistling owl" if species == "Bell frog" else "Bell frog"
    first = page.answer("o", *other.split()[1][:3], "Enter")
    second = page.answer("o", *"rail", "Enter")  # a name that is new
    page.page.keyboard.press("o")
    page.page.keyboard.press("Escape")
    page.saved()
    found = answers(folder, name_of(request))
    species = page.page.locator("h1").inner_text()
    assert found[second]["other_species"] == "rail"
    assert found[first]["other_species"] == other
    assert len(found) == 2


def test_the_box_moves_and_stretches_by_keys_and_mouse(
    page: Page, folder: Path, request: pytest.FixtureRequest
) -> None:
    first = page.answer("ArrowRight", "Shift+ArrowRight", "Shift+ArrowUp", "y")
    second = page.answer("ArrowRight", "x", "y")
    box = page.page.locator("#stage").bounding_box()
    page.page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.8)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.6)
    page.page.mouse.move(box["x"] + box["width"] * 0.28, box["y"] + box["height"] * 0.6)
    page.page.mouse.up()
    third = page.answer("y")
    page.saved()
    found = answers(folder, name_of(request))
    row = found[first]
    step = 0.01 * (row["clip_t_max"] - row["clip_t_min"] + 2.0)
    assert row["t_min"] == pytest.approx(row["clip_t_min"] + step, abs=0.005)
    assert row["t_max"] == pytest.approx(row["clip_t_max"] + 2 * step, abs=0.005)
    assert row["f_min"] == pytest.approx(row["clip_f_min"], abs=0.1)
    assert row["f_max"] == pytest.approx(row["clip_f_max"] * 2 ** (1 / 12), rel=1e-3)
    assert found[second]["t_min"] != found[second]["t_min"]  # NaN: as it was
    drawn = found[third]
    assert drawn["t_max"] - drawn["t_min"] == pytest.approx(0.08 * 3.1, rel=0.1)
    assert drawn["f_max"] < drawn["clip_f_max"]


def test_a_note_is_kept_with_the_verdict(
    page: Page, folder: Path, request: pytest.FixtureRequest
) -> None:
    page.page.keyboard.press("t")
    page.page.keyboard.type("far away, yes")
    page.page.keyboard.press("Control+Enter")
    clip = page.answer("n")
    page.saved()
    assert answers(folder, name_of(request))[clip]["note"] == "far away, yes"


def test_a_page_of_many_confirms_all_but_the_marked_ones(
    page: Page, folder: Path, request: pytest.FixtureRequest
) -> None:
    page.page.keyboard.press("g")
    page.page.locator("#gridSize").select_option("12")
    page.page.locator("#sendGrid", has_text="of 12").wait_for(timeout=20_000)
    cells = page.page.locator(".cell")
    assert cells.count() == 12
    cells.nth(1).click()
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Space")
    page.page.keyboard.press("y")
    page.page.locator("#status", has_text="10 of 12 confirmed").wait_for()
    page.page.locator(".cell[data-mark=absent]").first.wait_for(state="detached")
    page.saved()
    found = [row["answer"] for row in answers(folder, name_of(request)).values()]
    assert (found.count("present"), found.count("absent")) == (10, 2)
    species = {row["species"] for row in answers(folder, name_of(request)).values()}
    assert len(species) == 1
    page.page.locator("#sendGrid", has_text="confirm").wait_for()
    page.page.keyboard.press("z")
    page.page.locator("#status", has_text="Undone").wait_for()
    page.saved()
    assert answers(folder, name_of(request)) == {}
    page.page.keyboard.press("g")
    page.page.locator("#single").wait_for(state="visible")


def test_two_reviewers_at_once_are_both_kept(
    chromium: Any, server: Served, folder: Path, page: Page, request: pytest.FixtureRequest
) -> None:
    other = Page(chromium, server.address, "the second", width=1024, height=700)
    assert other.page.evaluate("() => document.documentElement.scrollHeight") <= 700
    mine, theirs = set(), set()
    for _ in range(6):
        mine.add(page.answer("y"))
        theirs.add(other.answer("n"))
    page.saved()
    other.saved()
    assert not mine & theirs  # they are given different clips
    assert set(answers(folder, name_of(request))) == mine
    assert set(answers(folder, "the second")) == theirs
    other.close()


def test_without_the_token_there_is_no_page(chromium: Any, server: Served) -> None:
    window = chromium.new_context()
    page = window.new_page()
    for address in (server.address[:-1], server.address.partition("?")[0]):
        assert page.goto(address).status == 403
        assert "open the address that the command printed" in page.content()
    window.close()


def test_none_of_200_verdicts_is_lost_or_doubled_when_the_server_is_killed(
    tmp_path: Path, chromium: Any
) -> None:
    write_review(tmp_path, clips=201, missing=1)
    with served(tmp_path) as one:
        page = Page(chromium, one.address, "ana")
        given = [page.answer("yn"[number % 2]) for number in range(103)]
        one.kill()
        for number in range(103, 106):  # in the clips that it has ready, work goes on
            given.append(page.answer("yn"[number % 2]))
        page.page.locator("#saved.bad", has_text="NOT SAVED: ").wait_for()
    with served(tmp_path) as one:
        page.saved()
        given += [page.answer("yn"[number % 2]) for number in range(106, 200)]
        page.saved()
        # The last clip cannot be read.
        status = page.page.locator("#status")
        status.get_by_text("has no file of the recording 'gone'").wait_for()
        page.page.keyboard.press("y")
        status.get_by_text("S skips it").wait_for()
        assert page.clip == 201
        page.close()
    verdicts = VerdictStore.open(tmp_path / "review" / "verdicts.sqlite").verdicts()
    expected = {clip: ("present", "absent")[number % 2] for number, clip in enumerate(given)}
    assert len(verdicts) == len(expected) == 200
    assert dict(zip(verdicts["clip"], verdicts["answer"], strict=True)) == expected
