"""Augmentation of training crops on the device."""

from rfcx_audio.augment.chain import Chain, Step
from rfcx_audio.augment.mixup import WaveformMixup, union
from rfcx_audio.augment.spectrogram import Mask
from rfcx_audio.augment.waveform import Gain

__all__ = ["Chain", "Gain", "Mask", "Step", "WaveformMixup", "union"]
