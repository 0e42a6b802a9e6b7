"""Headless Firefox, driven by the protocol that it has built in (WebDriver BiDi)."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("firefox-esr", "firefox")
_KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowRight": "\ue014", "Shift": "\ue008"}
_PREFERENCES = {
    "app.update.enabled": "false",
    "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
    "toolkit.telemetry.enabled": "false",
}
_READY = re.compile(r"WebDriver BiDi \S+ on (ws://\S+)")


class Firefox:
    """One window of Firefox.

    Attributes:
        version: of the browser.
        sound: whether it has a sound card to play to.
        faults: errors of the pages that it showed.
    """

    def __init__(self, socket: Any, loop: asyncio.AbstractEventLoop, sound: bool) -> None:
        self._socket, self._loop, self._number = socket, loop, 0
        self.sound = sound
        self.faults: list[str] = []
        self.version = str(
            self._send("session.new", capabilities={})["capabilities"]["browserVersion"]
        )
        self._send("session.subscribe", events=["log.entryAdded"])
        self._context = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def _send(self, method: str, **params: Any) -> Any:
        return self._loop.run_until_complete(self._sent(method, params))

    async def _sent(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        await self._socket.send_str(
            json.dumps({"id": self._number, "method": method, "params": params})
        )
        while True:
            message = json.loads((await self._socket.receive(60)).data)
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.faults.append(message["params"]["text"])
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                return message["result"]

    def open(self, address: str, width: int = 1280, height: int = 800) -> None:
        """Loads a page in a window of a size, in CSS pixels."""
        size = {"width": width, "height": height}
        self._send("browsingContext.setViewport", context=self._context, viewport=size)
        self._send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression: a string, a number, a truth value or nothing."""
        there = {"context": self._context}
        found = self._send(
            "script.evaluate", expression=expression, target=there, awaitPromise=True
        )
        assert found["type"] == "success", found
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 20.0) -> Any:
        """The value of an expression, as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := self.run(expression)):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}"
            time.sleep(0.02)
        return value

    def press(self, *keys: str) -> None:
        """Presses keys one after the other; `Shift+ArrowRight` is two at once."""
        for key in keys:
            parts = [_KEYS.get(part, part) for part in key.split("+")]
            steps = [{"type": "keyDown", "value": part} for part in parts]
            steps += [{"type": "keyUp", "value": part} for part in reversed(parts)]
            self._act({"type": "key", "id": "keys", "actions": steps})

    def click(self, selector: str) -> None:
        """Clicks on the middle of an element."""
        middle = (
            "(({x, y, width, height}) => JSON.stringify([x + width / 2, y + height / 2]))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        place = json.loads(self.run(middle))
        move = {"type": "pointerMove", "x": round(place[0]), "y": round(place[1])}
        steps = [move, *({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def _act(self, actions: dict[str, Any]) -> None:
        self._send("input.performActions", context=self._context, actions=[actions])

    def picture(self) -> bytes:
        """What the window shows, a PNG file."""
        found = self._send("browsingContext.captureScreenshot", context=self._context)
        return b64decode(found["data"])


@contextmanager
def firefox() -> Iterator[Firefox]:
    """A window with a profile of its own; the test is skipped where Firefox is missing."""
    aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    place = next(filter(None, map(shutil.which, _NAMES)), None)
    if place is None:
        pytest.skip("Firefox is not installed; .ci/browsers installs it")
    with ExitStack() as stack:
        profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        lines = [f'user_pref("{name}", {value});' for name, value in _PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        sound = stack.enter_context(_sound_card(Path(profile)))
        command = [place, "--headless", "--no-remote", "--profile", profile]
        process = subprocess.Popen(
            [*command, "--remote-debugging-port=0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={"HOME": profile, "PATH": "/usr/bin:/bin", **sound},
        )
        stack.callback(_ended, process)
        assert process.stderr is not None
        found = next(filter(None, map(_READY.search, process.stderr)), None)
        assert found is not None, "Firefox ended without an address of its protocol"
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        session = loop.run_until_complete(_session(aiohttp))
        stack.callback(lambda: loop.run_until_complete(session.close()))
        address = f"{found[1]}/session"
        socket = loop.run_until_complete(session.ws_connect(address, max_msg_size=2**26))
        yield Firefox(socket, loop, bool(sound))


async def _session(aiohttp: Any) -> Any:
    return aiohttp.ClientSession()  # it belongs to the loop that it is made in


def _ended(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=20)


@contextmanager
def _sound_card(folder: Path) -> Iterator[dict[str, str]]:
    """The environment with a sound card that is silent; without one, nothing plays."""
    place = shutil.which("pulseaudio")
    if place is None:
        yield {}
        return
    socket = folder / "sound.sock"
    modules = ("module-null-sink", f"module-native-protocol-unix socket={socket}")
    command = [place, "-n", "--daemonize=no", "--exit-idle-time=-1"]
    process = subprocess.Popen(
        [*command, *(word for module in modules for word in ("-L", module))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PATH": "/usr/bin:/bin"},
    )
    try:
        end = time.monotonic() + 20
        while not socket.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        yield {"PULSE_SERVER": f"unix:{socket}"} if socket.exists() else {}
    finally:
        process.terminate()
        process.wait(20)
