"""Losses for labels of three states: present, absent or unknown."""

from rfcx_audio.loss.assume_absent import assume_absent
from rfcx_audio.loss.by_species import BySpecies
from rfcx_audio.loss.clip_and_frame import ClipAndFrame, pool_frames
from rfcx_audio.loss.csl import CSL, csl
from rfcx_audio.loss.em import EM, em
from rfcx_audio.loss.epr import EPR, epr
from rfcx_audio.loss.hill import Hill, hill
from rfcx_audio.loss.large_loss import LargeLoss, large_loss
from rfcx_audio.loss.lsoft import LSoft, lsoft
from rfcx_audio.loss.masked_bce import MaskedBCE, masked_bce
from rfcx_audio.loss.masked_focal import MaskedFocal, masked_focal
from rfcx_audio.loss.ramp import Ramp
from rfcx_audio.loss.reduction import Reduction, reduce_cells
from rfcx_audio.loss.role import ROLE, role
from rfcx_audio.loss.row_table import RowTable
from rfcx_audio.loss.splc import SPLC, splc
from rfcx_audio.loss.unknown_cells import known_and_unknown

__all__ = [
    "CSL",
    "EM",
    "EPR",
    "ROLE",
    "SPLC",
    "BySpecies",
    "ClipAndFrame",
    "Hill",
    "LSoft",
    "LargeLoss",
    "MaskedBCE",
    "MaskedFocal",
    "Ramp",
    "Reduction",
    "RowTable",
    "assume_absent",
    "csl",
    "em",
    "epr",
    "hill",
    "known_and_unknown",
    "large_loss",
    "lsoft",
    "masked_bce",
    "masked_focal",
    "pool_frames",
    "reduce_cells",
    "role",
    "splc",
]
