"""What it costs to be wrong about species that somebody has spoken about."""

from rfcx_audio.loss.assume_absent import assume_absent
from rfcx_audio.loss.masked_bce import MaskedBCE, masked_bce
from rfcx_audio.loss.masked_focal import MaskedFocal, masked_focal
from rfcx_audio.loss.reduction import Reduction, reduce_cells

__all__ = [
    "MaskedBCE",
    "MaskedFocal",
    "Reduction",
    "assume_absent",
    "masked_bce",
    "masked_focal",
    "reduce_cells",
]
