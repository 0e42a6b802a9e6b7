"""WAV files whose sizes were never written: the recorder lost its power before it could."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

_HEAD = 12  # bytes: RIFF, size, WAVE
_LARGEST = 0xFFFFFFFF  # means an unknown size, to the end of the file
_LONGEST_HEADER = 4096


@contextmanager
def opened(path: Path) -> Iterator[str | BinaryIO]:
    """What soundfile opens for a file: its path, or its content with the sizes that it should have.

    A WAV file whose header has no size of its samples is read to its end.
    """
    patches = _sizes(path)
    if patches:
        with _Patched(path, patches) as file:
            yield cast("BinaryIO", file)
    else:
        # As text, soundfile fails on names that are no UTF-8; bytes it takes without declaring it.
        yield cast("str", os.fsencode(path))


class _Patched(io.FileIO):
    """A file to read, some bytes of which are others."""

    def __init__(self, path: Path, patches: dict[int, bytes]) -> None:
        super().__init__(path)
        self.patches = patches

    def read(self, size: int | None = -1, /) -> bytes:
        """As of a file."""
        start = self.tell()
        content = bytearray(super().read(-1 if size is None else size))
        for place, patch in self.patches.items():
            for at, byte in enumerate(patch, start=place - start):
                if 0 <= at < len(content):
                    content[at] = byte
        return bytes(content)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """As of a file."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _sizes(path: Path) -> dict[int, bytes]:
    """The sizes that a header lacks, by their place; empty where it has them."""
    with path.open("rb") as file:
        header = file.read(_LONGEST_HEADER)
    if header[:4] != b"RIFF" or header[8:_HEAD] != b"WAVE":
        return {}
    place = _HEAD
    while place + 8 <= len(header) and header[place : place + 4] != b"data":
        size = int.from_bytes(header[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    begin, whole = place + 8, path.stat().st_size
    declared = int.from_bytes(header[4:8], "little") + 8
    # A recording of no samples has the size of its file, and perhaps other chunks after them.
    if header[place + 4 : begin] != bytes(4) or declared > begin or whole <= begin:
        return {}
    sizes = {4: whole - 8, place + 4: whole - begin}
    return {at: min(size, _LARGEST).to_bytes(4, "little") for at, size in sizes.items()}
