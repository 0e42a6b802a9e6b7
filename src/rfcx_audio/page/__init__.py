"""The page in the browser on which reviewers answer a queue of clips; needs the extra `review`."""

from rfcx_audio.page.application import application
from rfcx_audio.page.clips import Clips
from rfcx_audio.page.review import Review
from rfcx_audio.page.serve import serve

__all__ = ["Clips", "Review", "application", "serve"]
