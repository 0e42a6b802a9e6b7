"""What reviewers answered, kept in one file, with how each clip was drawn."""

from rfcx_audio.verdicts.agreement import agreement, cohens_kappa, disputed, settled
from rfcx_audio.verdicts.database import (
    CLIP_COLUMNS,
    STORE_NAME,
    STRATUM_COLUMNS,
    is_verdict_store,
)
from rfcx_audio.verdicts.store import Standing, VerdictStore
from rfcx_audio.verdicts.verdict import (
    ABSENT,
    ANSWERS,
    BOX,
    OTHER,
    PRESENT,
    SKIPPED,
    UNSURE,
    Verdict,
    VerdictError,
)

__all__ = [
    "ABSENT",
    "ANSWERS",
    "BOX",
    "CLIP_COLUMNS",
    "OTHER",
    "PRESENT",
    "SKIPPED",
    "STORE_NAME",
    "STRATUM_COLUMNS",
    "UNSURE",
    "Standing",
    "Verdict",
    "VerdictError",
    "VerdictStore",
    "agreement",
    "cohens_kappa",
    "disputed",
    "is_verdict_store",
    "settled",
]
