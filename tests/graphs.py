"""A tiny recogniser with widely different scores, and audio, for tests of exported graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from rfcx_audio.data import AudioReader
from rfcx_audio.frontend import LogMel
from rfcx_audio.model import Detector, Encoder, LinearHead
from rfcx_audio.scores import species_columns
from rfcx_audio.scoring import Recogniser, SlidingWindows

RATE = 16_000
OPTIONS = {"channels": [8, 8, 16, 16], "stem_width": 8}


def recogniser(
    head: Callable[..., nn.Module] = LinearHead,
    duration_s: float = 1.0,
    center: bool = True,
    n_mels: int = 32,
) -> Recogniser:
    """A tiny network with widely different scores."""
    torch.manual_seed(0)
    n_fft = 16 * n_mels
    frontend = LogMel(RATE, n_fft, 160, n_mels, f_max=7000.0, center=center)
    encoder = Encoder("resnet10t", pretrained=False, options=OPTIONS)
    detector = Detector(encoder, partial(head, num_species=3), nn.BatchNorm2d(1))
    detector.train()
    detector(frontend(recordings(8, RATE * 3)))  # so that its normalisation is not the identity
    for linear in (part for part in detector.head.modules() if isinstance(part, nn.Linear)):
        linear.weight.data *= 8
    windows = SlidingWindows(duration_s)
    return Recogniser(AudioReader(RATE), frontend, detector, windows, species_columns(3)).eval()


def recordings(number: int, samples: int) -> Tensor:
    """Noise of different colour and loudness."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(number, samples, generator=generator)
    tilt = torch.linspace(0, 0.95, number)[:, None]
    noise[:, 1:] -= tilt * noise[:, :-1]
    return noise * torch.logspace(-3, -1, number)[:, None]


AUDIO = recordings(10, RATE).flatten().numpy()
