from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from rfcx_audio.page.guard import MOST_BYTES, Guard

PORT, TOKEN = 8765, "t" * 43
PAGE = f"http://127.0.0.1:{PORT}"


async def echo(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


def client(share: bool = False, cookie: bool = True, port: int = PORT) -> TestClient:
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    one = TestClient(Guard(app, TOKEN, port, share), base_url=f"http://127.0.0.1:{port}")
    if cookie:
        one.cookies.set(f"rfcx_audio_review_{port}", TOKEN)
    return one


def test_nothing_is_answered_without_the_token() -> None:
    for cookies in ({}, {f"rfcx_audio_review_{PORT}": TOKEN[:-1]}, {"rfcx_audio_review_1": TOKEN}):
        one = client(cookie=False)
        one.cookies.update(cookies)
        assert one.get("/").status_code == 403
        assert one.get("/", params={"token": TOKEN + "t"}).status_code == 403
        assert one.get("/", params={"token": ""}).status_code == 403
        assert one.get("/gone").status_code == 403  # not even what there is
        assert one.post("/", headers={"Origin": PAGE}).status_code == 403


def test_the_address_with_the_token_gives_the_cookie() -> None:
    one = client(cookie=False)
    answer = one.get("/", params={"token": TOKEN})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert one.get("/").status_code == 200
    assert "set-cookie" not in one.get("/").headers


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:8765"]
)
def test_a_foreign_name_that_points_here_is_refused(host: str) -> None:
    assert client().get("/", headers={"Host": host}).status_code == 403


def test_localhost_is_this_machine() -> None:
    assert client().get("/", headers={"Host": f"localhost:{PORT}"}).status_code == 200


def test_browsers_do_not_name_the_usual_port() -> None:
    one = client(port=80)
    assert one.get("/", headers={"Host": "127.0.0.1"}).status_code == 200
    assert one.get("/", headers={"Host": "127.0.0.1:80"}).status_code == 200
    origin = {"Host": "localhost", "Origin": "http://localhost"}
    assert one.post("/", headers=origin).status_code == 200
    for host in ("evil.example", "", "127.0.0.1:8765"):
        assert one.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", f"https://127.0.0.1:{PORT}", ""]
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    assert client().post("/", headers={"Origin": origin}).status_code == 403
    assert client().get("/", headers={"Origin": origin}).status_code == 403


def test_a_post_names_its_origin_and_no_page_of_another_site_asks() -> None:
    assert client().post("/", headers={"Origin": PAGE}).status_code == 200
    assert client().post("/").status_code == 403
    for site in ("cross-site", "same-site"):
        assert client().get("/", headers={"Sec-Fetch-Site": site}).status_code == 403
    # A link in another page that names the token is the address that was printed.
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client().get("/", params={"token": TOKEN}, headers=headers).status_code == 200


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("declared", [True, False])
def test_a_long_body_is_refused_with_and_without_a_declared_length(
    extra: int, declared: bool
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * (MOST_BYTES - 10)
        yield b"x" * (10 + extra)

    content = b"x" * (MOST_BYTES + extra) if declared else pieces()
    answer = client().post("/", headers={"Origin": PAGE}, content=content)
    assert answer.status_code == (413 if extra else 200)
    if not extra:
        assert answer.json() == {"bytes": MOST_BYTES}


def test_a_length_that_is_no_number_is_refused() -> None:
    for length in ("-1", "many", "1e3"):
        headers = {"Origin": PAGE, "Content-Length": length}
        assert client().post("/", headers=headers, content=b"x").status_code == 413


def test_shared_pages_answer_to_numbers_only() -> None:
    host = {"Host": f"192.0.2.7:{PORT}"}
    assert client().get("/", headers=host).status_code == 403
    assert client(share=True).get("/", headers=host).status_code == 200
    assert client(share=True).get("/", headers={"Host": f"a.example:{PORT}"}).status_code == 403
    assert client(share=True, cookie=False).get("/", headers=host).status_code == 403


def test_every_answer_forbids_foreign_and_written_in_scripts() -> None:
    for one in (client(), client(cookie=False)):
        headers = one.get("/").headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert headers["referrer-policy"] == "no-referrer"  # the token leaves with no link
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
