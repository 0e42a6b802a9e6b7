"""Background sound from a folder of the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen, uniform
from rfcx_audio.augment.mixture import join, union
from rfcx_audio.augment.noise import add_at_snr
from rfcx_audio.batch import Boxes, CropLabels, Labels

_SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")


def read_sounds(folder: Path, sample_rate: int, max_minutes: float) -> Tensor:
    """The audio files of a folder and the folders in it, one after another by name.

    Args:
        folder: where they lie.
        sample_rate: Hz, of the result; channels are averaged.
        max_minutes: how much is read.

    Returns:
        (samples,) float32, at least one sample.

    Raises:
        ValueError: there is no audio, or a file is broken.
    """
    parts: list[np.ndarray] = []
    room = round(max_minutes * 60 * sample_rate)
    for path in sorted(folder.rglob("*")):
        if room > 0 and path.suffix.lower() in _SUFFIXES:
            parts.append(_read(path, sample_rate, room))
            room -= len(parts[-1])
    if not sum(map(len, parts)):
        raise ValueError(
            f"found no background in {folder} ({', '.join(_SUFFIXES)}; max_minutes = "
            f"{max_minutes}); put recordings there, or leave background mixing out"
        )
    return torch.from_numpy(np.concatenate(parts))


class BackgroundMix:
    """Adds a random stretch of background at a given signal-to-noise ratio.

    The background is unlabelled and may hold any species. So where background was added, known
    absences become unknown and the boxes of FP rows are removed, unless `call_free` states that no
    species of the tables calls in it.

    Stretches begin anywhere in the files, which are joined to a ring.

    Args:
        folder: searched for .flac, .wav, .ogg and .mp3 files, which are read once, on first use.
        sample_rate: of the crops, Hz; other rates are resampled.
        min_snr_db: lowest ratio of the crop's root mean square to the background's.
        max_snr_db: highest ratio.
        probability: that an example is changed.
        call_free: whether the background holds no call of any species.
        max_minutes: how much of it is kept in memory (11 MB a minute at 48 kHz); files are taken in
            the order of their names.

    Raises:
        ValueError: on first use, if there is no audio in the folder, or a file is broken.
    """

    def __init__(
        self,
        folder: str,
        sample_rate: int,
        min_snr_db: float = 3.0,
        max_snr_db: float = 20.0,
        probability: float = 0.5,
        call_free: bool = False,
        max_minutes: float = 10.0,
    ) -> None:
        self.folder = Path(folder)
        self.sample_rate = sample_rate
        self.min_snr_db = min_snr_db
        self.max_snr_db = max_snr_db
        self.probability = probability
        self.call_free = call_free
        self.max_minutes = max_minutes
        self._sound: Tensor | None = None

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same; labels of the mixtures."""
        if self._sound is None:
            self._sound = read_sounds(self.folder, self.sample_rate, self.max_minutes)
        self._sound = sound = self._sound.to(signal.device)
        batch, samples = signal.shape
        start = torch.randint(len(sound), (batch, 1), device=signal.device, generator=generator)
        place = start + torch.arange(samples, device=signal.device)
        stretch = sound[place % len(sound)]  # (batch, samples)
        snr_db = uniform((batch,), self.min_snr_db, self.max_snr_db, signal, generator)
        which = chosen(self.probability, signal, generator)
        mixture = torch.where(which[:, None], add_at_snr(signal, stretch, snr_db), signal)
        if self.call_free:
            return mixture, labels
        return mixture, join(labels, _unlabelled(labels), union, which)


def _unlabelled(like: CropLabels) -> CropLabels:
    def unknown(labels: Labels) -> Labels:
        return Labels(*(torch.zeros_like(part) for part in labels))

    no_boxes = Boxes(*(field[:, :0] for field in like.boxes))
    no_rows = None if like.rows is None else torch.full_like(like.rows[:, :1], -1)
    parts = (unknown(like.clip), unknown(like.frame), no_boxes, unknown(like.truth))
    return CropLabels(*parts, no_rows)


def _read(path: Path, sample_rate: int, max_samples: int) -> np.ndarray:
    try:
        with soundfile.SoundFile(path) as file:
            wanted = -(-max_samples * file.samplerate // sample_rate)
            samples = file.read(wanted, dtype="float32", always_2d=True).mean(axis=1)
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise ValueError(f"cannot read the background {path}: {error}; remove the file") from None
    if not np.isfinite(samples).all():
        raise ValueError(f"the background {path} holds NaN or infinite samples; remove the file")
    return soxr.resample(samples, rate, sample_rate)[:max_samples]
