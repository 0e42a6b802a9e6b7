"""Pretrained networks as sources of features: one contract, and an adapter for each format."""

from rfcx_audio.encoders.contract import EncoderFileError, FeatureEncoder, file_sha256
from rfcx_audio.encoders.frontend import EncoderFrontend

__all__ = ["EncoderFileError", "EncoderFrontend", "FeatureEncoder", "file_sha256"]
