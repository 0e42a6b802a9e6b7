from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from guano import GuanoFile

from rfcx_audio.data.audio_metadata import read_comment, read_guano

FIELDS = "GUANO|Version: 1.0\nTimestamp: 2021-06-14T05:30:00-04:00\nLoc Position: 18.2 -66.5\n"


def chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def write(path: Path, subtype: str = "PCM_16", more: bytes = b"") -> Path:
    soundfile.write(path, np.zeros((100, 1)), 8000, subtype=subtype)
    content = path.read_bytes() + more
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    return path


def test_fields_are_those_that_the_guano_package_writes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav")
    written = GuanoFile(str(path))
    written["Serial"] = "SMU01234"
    written["Species Manual ID"] = "Eleuthérodactyle"
    written["Note"] = "left: bank"
    written.write()
    fields = read_guano(path)
    assert fields == {key: str(value) for key, value in GuanoFile(str(path)).items()}
    assert fields["Note"] == "left: bank"


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_the_chunk_is_found_behind_samples_of_any_kind(tmp_path: Path, subtype: str) -> None:
    path = write(
        tmp_path / "a.wav", subtype, chunk(b"odd ", b"x") + chunk(b"guan", FIELDS.encode())
    )
    assert read_guano(path)["Loc Position"] == "18.2 -66.5"


def test_the_chunk_is_found_in_a_file_of_more_than_4_gb(tmp_path: Path) -> None:
    sizes = (0).to_bytes(8, "little") + (6).to_bytes(8, "little") + bytes(12)
    data = b"data" + b"\xff" * 4 + bytes(6)
    content = chunk(b"ds64", sizes) + data + chunk(b"guan", FIELDS.encode())
    path = tmp_path / "a.wav"
    path.write_bytes(b"RF64" + b"\xff" * 4 + b"WAVE" + content)
    assert read_guano(path)["Timestamp"] == "2021-06-14T05:30:00-04:00"


def test_files_without_the_chunk_have_no_fields(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros(100), 8000)
    assert read_guano(tmp_path / "a.flac") == {}
    assert read_guano(write(tmp_path / "b.wav")) == {}
    unfinished = tmp_path / "c.wav"  # the size of the samples was never written
    header = write(tmp_path / "d.wav").read_bytes()[:40] + bytes(4)
    unfinished.write_bytes(header + np.random.default_rng(0).bytes(1000))
    assert read_guano(unfinished) == {}
    (tmp_path / "e.wav").write_bytes(b"")
    assert read_guano(tmp_path / "e.wav") == {}


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_comments_are_read_from_any_form(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        file.comment = "Recorded at 05:30:00 14/06/2021 (UTC) by AudioMoth 24F31901603710E2"
        file.write(np.zeros(100))
    assert read_comment(path).endswith("AudioMoth 24F31901603710E2")
    assert read_comment(write(tmp_path / "b.wav")) == ""


def test_what_is_no_audio_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nonsense")
    for place in ("a.wav", "gone.wav"):
        with pytest.raises(OSError):
            read_comment(tmp_path / place)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for read in (read_guano, read_comment):
        with pytest.raises(OSError, match="no ordinary file"):
            read(tmp_path / "pipe.wav")
