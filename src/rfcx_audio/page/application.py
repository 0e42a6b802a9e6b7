"""The page's requests and their answers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rfcx_audio.page.guard import Guard
from rfcx_audio.page.review import AnswerError, Review
from rfcx_audio.verdicts import VerdictError

_STATIC = Path(__file__).parent / "static"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_TYPES[".svg"] = "image/svg+xml"
_FILES = {
    path.name: (path.read_bytes(), f"{_TYPES[path.suffix]}; charset=utf-8")
    for path in sorted(_STATIC.iterdir())
    if path.suffix in _TYPES
}
"""All that is served from files, by name: no path is made from a request."""


def application(review: Review, token: str, port: int, share: bool = False) -> Guard:
    """The page of a review as an ASGI application.

    Args:
        review: of one queue.
        token: without which nothing is answered.
        port: on which it is served.
        share: whether requests from the network are answered, see `Guard`.
    """

    def start(_: Request) -> Response:
        return JSONResponse(review.about())

    def state(request: Request) -> Response:
        return JSONResponse(review.state(_word(request, "reviewer")))

    def grid(request: Request) -> Response:
        words = (_word(request, name) for name in ("reviewer", "species", "size"))
        return JSONResponse(review.grid(*words))

    def sound(request: Request) -> Response:
        prepared = review.prepared(request.path_params["clip"])
        return Response(
            prepared.sound, media_type="audio/wav", headers={"X-Start": str(prepared.start_s)}
        )

    def picture(request: Request) -> Response:
        found, about = review.picture(request.path_params["clip"], _word(request, "view"))
        return Response(found, media_type="image/png", headers={"X-Picture": json.dumps(about)})

    app = Starlette(
        routes=[
            Route("/", lambda _: _file("index.html")),
            Route("/static/{name}", lambda request: _file(request.path_params["name"])),
            Route("/api/start", start),
            Route("/api/state", state),
            Route("/api/grid", grid),
            Route("/api/verdicts", _posted(review.record), methods=["POST"]),
            Route("/api/undo", _posted(review.undo), methods=["POST"]),
            Route("/clips/{clip:int}/sound", sound),
            Route("/clips/{clip:int}/picture", picture),
        ],
        exception_handlers=dict.fromkeys((AnswerError, HTTPException, VerdictError), _refused),
    )
    app.router.redirect_slashes = False
    return Guard(app, token, port, share)


def _posted(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
    """An endpoint that gives the JSON object of a request to a function."""

    async def endpoint(request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
        except (ValueError, RecursionError):  # no JSON, no UTF-8, or too deep
            asked = None
        if not isinstance(asked, dict):
            raise AnswerError("expected an object of JSON")
        return JSONResponse(await run_in_threadpool(answer, asked))

    return endpoint


def _file(name: str) -> Response:
    if name not in _FILES:
        raise HTTPException(404, "there is no such file")
    content, media_type = _FILES[name]
    return Response(content, media_type=media_type)


def _word(request: Request, name: str) -> str:
    return request.query_params.get(name, "")


def _refused(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return JSONResponse({"reason": error.detail}, error.status_code)
    # What the file system or another process prevents may work later: the browser tries again.
    status = 503 if isinstance(error.__cause__, sqlite3.DatabaseError) else 422
    return JSONResponse({"reason": str(error)}, status)
