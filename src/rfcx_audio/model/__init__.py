"""Models: an encoder, a head, and the detector that joins them."""

from rfcx_audio.model.attention import CBAM, ChannelGate, SpatialGate
from rfcx_audio.model.blocks import ConvBlock, PooledClassifier
from rfcx_audio.model.class_bands import ClassBandDetector
from rfcx_audio.model.detector import BandNorm, Detector
from rfcx_audio.model.encoder import Encoder, EncoderError
from rfcx_audio.model.features import FeatureDetector, Origin
from rfcx_audio.model.head import (
    AttentiveHead,
    BandedHead,
    ConvAttention,
    LinearHead,
    MLPHead,
    PrototypeHead,
    SEDHead,
    SkipAttention,
)
from rfcx_audio.model.peers import Peers
from rfcx_audio.model.weights import PretrainedWeightsError, UntrainedEncoderWarning

__all__ = [
    "CBAM",
    "AttentiveHead",
    "BandNorm",
    "BandedHead",
    "ChannelGate",
    "ClassBandDetector",
    "ConvAttention",
    "ConvBlock",
    "Detector",
    "Encoder",
    "EncoderError",
    "FeatureDetector",
    "LinearHead",
    "MLPHead",
    "Origin",
    "Peers",
    "PooledClassifier",
    "PretrainedWeightsError",
    "PrototypeHead",
    "SEDHead",
    "SkipAttention",
    "SpatialGate",
    "UntrainedEncoderWarning",
]
