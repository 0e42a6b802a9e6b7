from __future__ import annotations

import logging
import signal
import stat
import sys
from pathlib import Path

import pytest

from review_pages import served, write_review
from rfcx_audio.page import Clips, Review, serve
from rfcx_audio.page.serve import ADDRESS, _address, _opened


@pytest.mark.slow
def test_the_address_stays_that_of_the_folder_and_is_private(tmp_path: Path) -> None:
    write_review(tmp_path)
    with served(tmp_path) as one:
        first = one.address
        one.kill()
    place = tmp_path / "review" / ADDRESS
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with served(tmp_path, "share=true") as one:
        assert one.address == first  # so that a page that is open goes on
        text = one.interrupt()
    assert "in the network at http://" in text
    assert "anybody in the network with this address can play the recordings" in text
    assert "Ctrl-C ends it" in text
    assert f"to go on: rfcx-audio review store={tmp_path / 'review' / 'verdicts.sqlite'}" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"token": "", "port": 1}', '{"token": "short", "port": 99}']
)
def test_no_token_that_could_be_guessed_is_taken_from_a_file(tmp_path: Path, text: str) -> None:
    (tmp_path / ADDRESS).write_text(text)
    (token, port), (other, _) = _address(tmp_path), _address(tmp_path)
    assert len(token) >= 43
    assert port == 0
    assert token != other


def test_a_taken_port_is_named_and_an_earlier_one_is_given_up() -> None:
    with _opened("127.0.0.1", 0, 0) as taken:
        port = taken.getsockname()[1]
        assert taken.getsockname()[0] == "127.0.0.1"
        with pytest.raises(ValueError, match=f"port={port} cannot be used .*; give another one"):
            _opened("127.0.0.1", port, 0)
        with _opened("127.0.0.1", 0, port) as other:
            assert other.getsockname()[1] != port
    with _opened("127.0.0.1", 0, port) as again:
        assert again.getsockname()[1] == port


class Interrupts:
    """Ctrl-C where Python prints what is raised, and goes on."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_kept_where_an_exception_would_be_lost_and_the_log_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = write_review(tmp_path)
    module = sys.modules["rfcx_audio.page.serve"]  # its function has the same name
    monkeypatch.setattr(module, "_announce", lambda *_: Interrupts())
    before, log = signal.getsignal(signal.SIGINT), logging.FileHandler(tmp_path / "review.log")
    logging.getLogger().addHandler(log)
    try:
        serve(Review(store, 1, Clips(store.clips(1), {})), tmp_path, 0, browser=False, share=False)
        assert log.stream is not None
    finally:
        logging.getLogger().removeHandler(log)
        log.close()
    assert signal.getsignal(signal.SIGINT) == before
