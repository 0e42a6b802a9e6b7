"""The file of the encoder of a head on features, checked before hours of work."""

from __future__ import annotations

import torch

from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.scoring import Recogniser


def check_encoder(recogniser: Recogniser) -> None:
    """Refuses a head on features whose encoder's file is not there; others need none.

    Raises:
        EncoderFileError: it is missing, or another one.
    """
    if isinstance(recogniser.frontend, EncoderFrontend):
        recogniser.frontend(torch.zeros(1, recogniser.frontend.n_fft))
