from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
import soundfile
from starlette.testclient import TestClient

from review_pages import write_review
from rfcx_audio.page import Clips, Review, application
from rfcx_audio.scoring import list_recordings
from rfcx_audio.verdicts import VerdictStore

PORT, TOKEN = 8766, "s" * 43
PAGE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviewed")
    write_review(folder)
    return folder


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    store = VerdictStore.open(folder / "review" / "verdicts.sqlite")
    review = Review(store, 1, Clips(store.clips(1), list_recordings(str(folder / "audio"))))
    one = TestClient(application(review, TOKEN, PORT), base_url=PAGE, headers={"Origin": PAGE})
    assert one.get("/", params={"token": TOKEN}).status_code == 200
    yield one
    review.close()


def test_the_page_and_its_files_come_from_this_server_only(client: TestClient) -> None:
    page = client.get("/").text
    assert "http" not in page.replace("http-equiv", "")
    assert "style=" not in page
    assert "onclick" not in page
    for name, kind in (("review.js", "text/javascript"), ("review.css", "text/css")):
        answer = client.get(f"/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "//" not in answer.text.replace("// ", "").replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    "name",
    [
        *("../application.py", "..%2fapplication.py", "%2e%2e/guard.py", "/etc/passwd"),
        *("%2fetc%2fpasswd", "....//guard.py", "review.js/../../guard.py", "review.js%00.css"),
        *("..\\guard.py", "", ".", "~/.bashrc", "index.html/"),
    ],
)
def test_no_path_of_a_request_reaches_the_disk(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("clip", ["0", "13", "-1", "1.0", "..", "%2e%2e", "1;ls", "9" * 30])
@pytest.mark.parametrize("part", ["sound", "picture"])
def test_clips_are_named_by_numbers_of_the_queue_only(
    client: TestClient, clip: str, part: str
) -> None:
    answer = client.get(f"/clips/{clip}/{part}", params={"view": "fine"})
    assert answer.status_code in (404, 422)
    assert answer.json()["reason"]


def test_a_clip_has_sound_and_a_picture_with_its_ends(client: TestClient) -> None:
    sound = client.get("/clips/2/sound")
    samples, rate = soundfile.read(BytesIO(sound.content))
    assert (rate, len(samples)) == (48_000, round(3.1 * 48_000))
    assert float(sound.headers["x-start"]) == pytest.approx(2.9)
    picture = client.get("/clips/2/picture", params={"view": "fine"})
    assert picture.headers["content-type"] == "image/png"
    assert json.loads(picture.headers["x-picture"])["t_min"] == pytest.approx(2.9)


def test_verdicts_are_kept_and_undone(client: TestClient) -> None:
    verdict = {"clip": 1, "answer": "absent", "request": "a"}
    asked = {"reviewer": "ana", "verdicts": [verdict]}
    answer = client.post("/api/verdicts", json=asked)
    assert answer.json() == client.post("/api/verdicts", json=asked).json()  # a retry
    assert answer.json()["progress"]["answered"] == 1
    assert client.get("/api/state", params={"reviewer": "ben"}).json()["progress"]["mine"] == 0
    undone = client.post("/api/undo", json={"reviewer": "ana", "requests": ["a"]}).json()
    assert undone["upcoming"][0]["clip"] == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b'{"reviewer": "ana"}'])
def test_what_is_no_answer_is_refused_with_a_reason(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/verdicts", content=body)
    assert answer.status_code == 422
    assert answer.json()["reason"]
    deep = client.post("/api/verdicts", content=b"[" * 60_000)
    assert deep.status_code == 422


def test_wrong_methods_and_addresses_have_reasons(client: TestClient) -> None:
    assert client.get("/api/verdicts").status_code == 405
    assert client.post("/").status_code == 405
    assert client.get(f"/{quote('clips/../../etc')}").status_code == 404
    assert client.get("/api/state").status_code == 422  # no reviewer
    words = {"reviewer": "ana", "species": "Bell frog"}
    assert client.get("/api/grid", params=words).status_code == 422
    assert client.get("/api/grid", params={**words, "size": "12"}).status_code == 200


def test_a_store_that_cannot_be_written_is_no_fault_of_the_verdict(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("rfcx_audio.verdicts.store._write", locked)
    verdict = {"clip": 2, "answer": "absent", "request": "b"}
    answer = client.post("/api/verdicts", json={"reviewer": "ana", "verdicts": [verdict]})
    assert answer.status_code == 503  # the browser keeps it, and tries again
    assert "database is locked" in answer.json()["reason"]
