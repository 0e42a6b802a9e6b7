"""From waveforms to spectrograms."""

from rfcx_audio.frontend.mel import LogMel, mel_filterbank

__all__ = ["LogMel", "mel_filterbank"]
