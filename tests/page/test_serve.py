from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest

from review_pages import served, write_review
from rfcx_audio.page.serve import ADDRESS, _opened


def test_the_address_stays_that_of_the_folder_and_is_private(tmp_path: Path) -> None:
    write_review(tmp_path)
    with served(tmp_path) as one:
        first = one.address
        one.kill()
    place = tmp_path / "review" / ADDRESS
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    with served(tmp_path) as one:
        assert one.address == first  # so that a page that is open goes on
        text = one.interrupt()
    assert "Ctrl-C ends it" in text
    assert f"to go on: rfcx-audio review store={tmp_path / 'review' / 'verdicts.sqlite'}" in text
    assert "Traceback" not in text
    place.write_text(json.dumps({"token": "", "port": 1}))  # no token opens nothing
    with served(tmp_path) as one:
        assert len(one.address.partition("token=")[2]) >= 43


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
    assert again.family == socket.AF_INET
