"""What recorders write into audio files beside the sound: GUANO, and comments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, cast

import soundfile

_LONGEST = 2**20  # bytes of a GUANO chunk; real ones have a few hundred
_UNKNOWN = 0xFFFFFFFF  # the size of the samples in RF64, whose true one is in the chunk ds64


def read_guano(path: Path) -> dict[str, str]:
    """The fields of a WAV file's GUANO chunk; none if it has no such chunk.

    The `guano` package reads it through Python's `wave`, which before 3.12 refuses files of 24 bit
    or several channels, and at any version those in floating point.

    Raises:
        OSError: the file cannot be opened.

    Source: the GUANO specification 1.0, https://github.com/riggsd/guano-spec.
    """
    _check_ordinary(path)
    with path.open("rb") as file:
        content = _find_chunk(file, b"guan")
    text = content.decode("utf-8", errors="replace").strip("\0")
    lines = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, mark, value in lines if mark and value.strip()}


def read_comment(path: Path) -> str:
    """The comment in an audio file of any form (`ICMT` in WAV); empty if it has none.

    Raises:
        OSError: the file cannot be opened, or is no audio.
    """
    _check_ordinary(path)
    try:
        with soundfile.SoundFile(cast("str", os.fsencode(path))) as file:
            return str(file.comment)
    except soundfile.LibsndfileError as error:
        raise OSError(str(error)) from None


def _check_ordinary(path: Path) -> None:
    """Refuses what would wait for ever when it is opened, as a pipe does.

    Raises:
        OSError: it is no ordinary file, or there is none.
    """
    if not path.is_file():
        raise OSError(f"{path} is no ordinary file")


def _find_chunk(file: BinaryIO, wanted: bytes) -> bytes:
    """The content of a WAV file's chunk; empty if it has none of that name."""
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return b""
    size_of_samples = 0
    while len(begin := file.read(8)) == 8:
        name, size = begin[:4], int.from_bytes(begin[4:], "little")
        if name == wanted:
            return file.read(min(size, _LONGEST))
        if name == b"ds64":
            content = file.read(size)
            size_of_samples = int.from_bytes(content[8:16], "little")
            size = 0
        elif name == b"data" and size == _UNKNOWN:
            size = size_of_samples
        elif not name.isascii():
            return b""  # sound: the size of the samples was never written
        file.seek(size + size % 2, os.SEEK_CUR)
    return b""
