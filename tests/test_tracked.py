from __future__ import annotations

import pytest

from rfcx_audio import tracked as module
from rfcx_audio.tracked import tracked


def test_without_a_terminal_a_line_is_logged_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 1000, 10))  # s; the clock is read once or twice an item
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    with caplog.at_level("INFO"):
        assert list(tracked("abcdefgh", "letters", 8)) == list("abcdefgh")
    assert caplog.messages == ["letters: 3 of 8", "letters: 6 of 8"]
    caplog.clear()
    assert list(tracked("abcdefgh", "letters", 8, shown=False)) == list("abcdefgh")
    assert not caplog.messages
