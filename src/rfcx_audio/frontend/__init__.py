"""From waveforms to spectrograms."""

from rfcx_audio.frontend.bands import class_bands
from rfcx_audio.frontend.deltas import DeltaLogMel
from rfcx_audio.frontend.dft import DftLogMel
from rfcx_audio.frontend.mel import LogMel, mel_filterbank

__all__ = ["DeltaLogMel", "DftLogMel", "LogMel", "class_bands", "mel_filterbank"]
