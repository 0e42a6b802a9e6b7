"""Heads: features in, `Logits` out; the first argument is `in_features`."""

from rfcx_audio.model.head.attentive import AttentiveHead
from rfcx_audio.model.head.banded import BandedHead
from rfcx_audio.model.head.conv_attention import ConvAttention
from rfcx_audio.model.head.linear import LinearHead
from rfcx_audio.model.head.mlp import MLPHead
from rfcx_audio.model.head.prototype import PrototypeHead
from rfcx_audio.model.head.sed import SEDHead
from rfcx_audio.model.head.skip_attention import SkipAttention

__all__ = [
    "AttentiveHead",
    "BandedHead",
    "ConvAttention",
    "LinearHead",
    "MLPHead",
    "PrototypeHead",
    "SEDHead",
    "SkipAttention",
]
