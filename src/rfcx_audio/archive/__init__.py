"""Many recordings scored as an archive: each kept as it is done, by one machine or a cluster."""

from rfcx_audio.archive.folder import Archive, ArchiveError, file_name
from rfcx_audio.archive.listing import list_recordings
from rfcx_audio.archive.local import LocalEngine
from rfcx_audio.archive.ray import RayEngine
from rfcx_audio.archive.scorer import FileScorer, FileScores, Outcome
from rfcx_audio.archive.work import score_archive

__all__ = [
    "Archive",
    "ArchiveError",
    "FileScorer",
    "FileScores",
    "LocalEngine",
    "Outcome",
    "RayEngine",
    "file_name",
    "list_recordings",
    "score_archive",
]
