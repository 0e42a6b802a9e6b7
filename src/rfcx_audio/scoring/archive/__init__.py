"""Many recordings scored as an archive: each kept as it is done, by one machine or a cluster."""

from rfcx_audio.scoring.archive.folder import Archive
from rfcx_audio.scoring.archive.growing import RECORDINGS, ArchiveError, fingerprint
from rfcx_audio.scoring.archive.local import LocalEngine
from rfcx_audio.scoring.archive.ray import RayEngine
from rfcx_audio.scoring.archive.scorer import FileScorer, FileScores, Outcome
from rfcx_audio.scoring.archive.store import GrowingStore, stored_contents
from rfcx_audio.scoring.archive.work import embed_archive, score_archive

__all__ = [
    "RECORDINGS",
    "Archive",
    "ArchiveError",
    "FileScorer",
    "FileScores",
    "GrowingStore",
    "LocalEngine",
    "Outcome",
    "RayEngine",
    "embed_archive",
    "fingerprint",
    "score_archive",
    "stored_contents",
]
