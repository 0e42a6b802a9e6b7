"""Serving the page until Ctrl-C, at an address that stays the same for a folder."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import webbrowser
from pathlib import Path

import uvicorn

from rfcx_audio.page.application import application
from rfcx_audio.page.review import Review
from rfcx_audio.screen import print_line
from rfcx_audio.whole_files import write_atomically

ADDRESS = "address.json"
"""Beside the store: token and port, so that a page that is open goes on with the next start."""

_TOKEN_BYTES = 32
_SHARED = (
    "share=true: anybody in the network with this address can play the recordings and write "
    "verdicts; nothing is encrypted. Give the address only to those who shall review."
)


def serve(review: Review, folder: Path, port: int, browser: bool, share: bool) -> None:
    """Serves a review until Ctrl-C, in the main thread.

    Args:
        review: of one queue.
        folder: keeps the address.
        port: of the page; 0: that of the last time or, if another program has it, a free one.
        browser: whether to open the page in the browser.
        share: whether to answer requests from the network too.

    Raises:
        ValueError: another program has the port.
    """
    token, earlier = _address(folder)
    opened = _opened("0.0.0.0" if share else "127.0.0.1", port, earlier)  # noqa: S104
    port = opened.getsockname()[1]
    _keep_address(folder, token, port)
    app = application(review, token, port, share)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            lifespan="off",
            log_config=None,  # its own would close the log of the command
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
            ws="none",
        )
    )
    # From here on Ctrl-C is noted, as an exception may be lost where Python calls itself back, such
    # as in an import. Uvicorn does the same while it serves, and then passes the signal on to this.
    before = signal.signal(signal.SIGINT, server.handle_exit)
    try:
        _announce(f"{port}/?token={token}", browser, share)
        server.run(sockets=[opened])
    finally:
        signal.signal(signal.SIGINT, before)
        review.close()
        opened.close()


def _announce(place: str, browser: bool, share: bool) -> None:
    address = f"http://127.0.0.1:{place}"
    print_line(f"the page is at {address}")
    if share:
        print_line(f"in the network at http://{_own_number()}:{place}")
        print_line(_SHARED)
    print_line("Ctrl-C ends it; every verdict is kept as it is given")
    if browser:
        webbrowser.open(address)


def _opened(host: str, port: int, earlier: int) -> socket.socket:
    """A socket at the wanted port; for port 0, at the earlier one if it is free.

    Raises:
        ValueError: the wanted port cannot be used.
    """
    if port == 0 and earlier:
        try:
            return socket.create_server((host, earlier))
        except OSError:
            earlier = 0  # another program has it
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ValueError(
            f"port={port} cannot be used ({error.strerror}); give another one, or port=0 for one "
            "that is free"
        ) from None


def _address(folder: Path) -> tuple[str, int]:
    """Token and port of the last time; where there are none, a new token."""
    try:
        kept = json.loads((folder / ADDRESS).read_text("utf-8"))
        token, port = str(kept["token"]), int(kept["port"])
    except (OSError, ValueError, TypeError, KeyError):  # there is none, or it is no address
        token, port = "", 0
    new = secrets.token_urlsafe(_TOKEN_BYTES)
    return (token, port) if len(token) >= len(new) and 0 < port < 2**16 else (new, 0)


def _keep_address(folder: Path, token: str, port: int) -> None:
    def write(path: Path) -> None:
        path.touch(0o600)  # only its owner may read it
        path.write_text(json.dumps({"token": token, "port": port}), "utf-8")

    write_atomically(folder / ADDRESS, write)


def _own_number() -> str:
    """This machine's address in the network, as far as it is known; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation
        except OSError:
            return socket.gethostname()
        return probe.getsockname()[0]
