"""Pretrained networks as sources of features: one contract, and an adapter for each format."""

from rfcx_audio.encoders.contract import EncoderFileError, FeatureEncoder, file_sha256
from rfcx_audio.encoders.frontend import EncoderFrontend
from rfcx_audio.encoders.onnx import OnnxEncoder
from rfcx_audio.encoders.tflite import TFLiteEncoder
from rfcx_audio.encoders.torch_module import TorchEncoder

__all__ = [
    "EncoderFileError",
    "EncoderFrontend",
    "FeatureEncoder",
    "OnnxEncoder",
    "TFLiteEncoder",
    "TorchEncoder",
    "file_sha256",
]
