"""Checkpoints that are there as a whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the place, and moves when all of it has reached the disk.

    Lightning's own writes into the system's folder for temporary files and copies from there, so a
    process that is killed meanwhile leaves half a file where a whole one was.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object | None = None
    ) -> None:
        """Writes a checkpoint; the file that was there before stays until it is replaced.

        Args:
            checkpoint: what Lightning wants kept.
            path: of the file, on a local file system.
            storage_options: Lightning's; none are known here.

        Raises:
            OSError: it could not be written; what was there before is still there.
            TypeError: `storage_options` were given.
        """
        if storage_options is not None:
            raise TypeError("checkpoints are written to local folders, without storage_options")
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # In memory first: torch's writer makes something else of a disk's error.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        # One fixed name, unlike `write_atomically`: killed runs must not leave many of this size.
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OSError(
                error.errno,
                f"{path} could not be written ({error.strerror}); the checkpoint that was there "
                "before is whole. Make room, and go on with resume=…/last.ckpt",
            ) from None
