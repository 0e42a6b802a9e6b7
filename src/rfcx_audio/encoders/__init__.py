"""Pretrained networks as sources of features: one contract, and an adapter for each format."""

from rfcx_audio.encoders.contract import EncoderFileError, FeatureEncoder, file_sha256
from rfcx_audio.encoders.frontend import EncoderFrontend
from rfcx_audio.encoders.onnx import OnnxEncoder

__all__ = [
    "EncoderFileError",
    "EncoderFrontend",
    "FeatureEncoder",
    "OnnxEncoder",
    "file_sha256",
]
