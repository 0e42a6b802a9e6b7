"""Examples of a sound: stretches of audio files, and the features that an encoder gives them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.data import AudioError, probe
from rfcx_audio.scoring.embedder import Embedder

_STRETCH = re.compile(r"(?P<path>.+?),\s*(?P<t_min>[\d.]+),\s*(?P<t_max>[\d.]+)(?:,\s*|$)")


class Example(NamedTuple):
    """A stretch of an audio file: `t_min` to `t_max` in s."""

    path: Path
    t_min: float
    t_max: float

    def overlaps(self, t_min: np.ndarray, t_max: np.ndarray) -> np.ndarray:
        """Whether windows of the same recording share some of its time."""
        return (t_min < self.t_max) & (t_max > self.t_min)


def parse_examples(text: str | Sequence[str | float]) -> list[Example]:
    """Examples as a command has them: `call.wav,3.2,4.7`, or a list of such.

    Args:
        text: a file, a start and an end in s; further ones may follow, in the same text or in a
            list. The two numbers end an example, so that a file's name may have commas.

    Raises:
        ValueError: it is none, a file cannot be read, or a stretch is not within its file.
    """
    joined = text if isinstance(text, str) else ",".join(map(str, text))
    found, place = [], 0
    while place < len(joined):
        match = _STRETCH.match(joined, place)
        if match is None:
            raise ValueError(
                f"example={joined}: {joined[place:]!r} is no example; expected a file, a start and "
                "an end in s, such as call.wav,3.2,4.7"
            )
        found.append(_checked(match["path"], match["t_min"], match["t_max"]))
        place = match.end()
    if not found:
        raise ValueError("example= is empty; expected a file, a start and an end in s")
    return found


def example_features(embedder: Embedder, example: Example) -> Tensor:
    """The features of an example: (windows, features) float32, on the CPU.

    It lies in the middle of one window of the encoder, or of a longer one nearer to an end of the
    file where there is not enough sound before or behind it. A stretch longer than a window is cut
    into several that overlap by half or more, the first and the last flush with its ends.

    Raises:
        AudioError: the file cannot be read.
    """
    window_s = embedder.windows.duration_s
    spare_s = example.t_max - example.t_min - window_s
    if spare_s <= 0:
        starts_s = np.array([(example.t_min + example.t_max - window_s) / 2])
    else:
        starts_s = example.t_min + np.linspace(0, spare_s, 1 + math.ceil(2 * spare_s / window_s))
    latest = max(0.0, probe(example.path).duration_s - window_s)
    windows = [
        torch.from_numpy(embedder.reader.read(example.path, start, window_s))
        for start in np.clip(starts_s, 0.0, latest).tolist()
    ]
    with torch.inference_mode():
        features = embedder.frontend(torch.stack(windows).to(embedder.device))
    return features[:, 0, :, 0].cpu()


def _checked(path: str, start: str, end: str) -> Example:
    try:
        example = Example(Path(path), float(start), float(end))
        duration_s = probe(example.path).duration_s
    except AudioError as error:
        raise ValueError(f"the example {path} cannot be read: {error}") from None
    except ValueError:
        raise ValueError(f"example {path}: {start} to {end} are no times in s") from None
    if not example.t_min < example.t_max <= duration_s + 0.01:
        raise ValueError(
            f"the example {path}, {start} to {end} s, is no stretch of that file, which lasts "
            f"{duration_s:.4g} s"
        )
    return example
