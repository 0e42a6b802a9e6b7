"""Who may ask: the browser that was given the address, at this address, in small requests."""

from __future__ import annotations

import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024
"""Of the body of a request."""

_LOOPBACK = ("127.0.0.1", "localhost")
_UNNAMED = 80  # the port of http, which browsers leave out of Host
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Answers 403 or 413 in place of an application.

    A request needs the token, of its address or as a cookie. Its Host must be this machine's
    loopback address, so that no foreign name can be made to point here, and its Origin, if there
    is one (a POST needs it), the page's own.

    Args:
        app: what answers the others.
        token: of the address that was printed.
        port: on which the page is; a cookie belongs to all ports of a machine, so its name has it.
        share: whether requests from the network are answered: any address of numbers is then a
            Host.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, share: bool = False) -> None:
        self._app = app
        self._token = token
        self._port = port
        self._share = share
        self._cookie = f"rfcx_audio_review_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":  # no web sockets here
            return
        headers = Headers(scope=scope)
        by_address = self._is_token(_token_in(scope["query_string"]))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    added[name] = value
                if by_address:
                    cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
                    added.append("Set-Cookie", cookie)
            await send(message)

        refused = self._refusal(scope, headers, by_address)
        if refused is None and scope["method"] not in ("GET", "HEAD"):
            body = await _body(headers, receive)
            if body is None:
                refused = _answer(413, f"a request has at most {MOST_BYTES} bytes")
            else:
                receive = _replayed(body)
        await (refused or self._app)(scope, receive, sent)

    def _refusal(self, scope: Scope, headers: Headers, by_address: bool) -> Response | None:
        host = headers.get("host", "")
        if not self._is_host(host):
            return _answer(403, f"this page has no address {host!r}")
        if not by_address and not self._is_token(_cookie(headers, self._cookie)):
            return _answer(403, "open the address that the command printed, token and all")
        is_safe = scope["method"] in ("GET", "HEAD")
        origin = headers.get("origin")
        if origin != f"http://{host}" and not (is_safe and origin is None):
            return _answer(403, "this request does not come from the page itself")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not by_address:
            return _answer(403, "this request does not come from the page itself")
        return None

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())

    def _is_host(self, host: str) -> bool:
        if self._port == _UNNAMED and not host.endswith(f":{_UNNAMED}"):
            host = f"{host}:{_UNNAMED}"
        name, _, port = host.rpartition(":")
        if port != str(self._port):
            return False
        return name in _LOOPBACK or (self._share and _is_number(name))


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _token_in(query: bytes) -> str:
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


async def _body(headers: Headers, receive: Receive) -> bytes | None:
    """The body of a request; None where it is too long, whether its length is declared or not."""
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MOST_BYTES:
        return None
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return body


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _answer(status: int, reason: str) -> Response:
    return JSONResponse({"reason": reason}, status)
