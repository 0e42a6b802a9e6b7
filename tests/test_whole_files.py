from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.whole_files import write_atomically


def test_a_file_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "table.csv"

    def fail(part: Path) -> None:
        part.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"table.csv could not be written \(No space left"):
        write_atomically(path, fail)
    assert not list(path.parent.iterdir())
    write_atomically(path, lambda part: part.write_text("whole"))
    with pytest.raises(OSError, match="Make room"):
        write_atomically(path, fail)
    assert path.read_text() == "whole"


def test_a_killed_process_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("whole")

    def end(part: Path) -> None:
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, end)
    assert path.read_text() == "whole"
