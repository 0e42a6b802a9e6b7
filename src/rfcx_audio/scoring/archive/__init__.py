"""Many recordings scored as an archive: each kept as it is done, by one machine or a cluster."""

from rfcx_audio.scoring.archive.folder import RECORDINGS, Archive, ArchiveError, file_name
from rfcx_audio.scoring.archive.local import LocalEngine
from rfcx_audio.scoring.archive.ray import RayEngine
from rfcx_audio.scoring.archive.scorer import FileScorer, FileScores, Outcome
from rfcx_audio.scoring.archive.work import score_archive

__all__ = [
    "RECORDINGS",
    "Archive",
    "ArchiveError",
    "FileScorer",
    "FileScores",
    "LocalEngine",
    "Outcome",
    "RayEngine",
    "file_name",
    "score_archive",
]
