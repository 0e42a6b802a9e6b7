from rfcx_audio.batch import Labels
from rfcx_audio.commands.answers import answers
from rfcx_audio.commands.detect import detect
from rfcx_audio.commands.embed import embed
from rfcx_audio.commands.predict import predict
from rfcx_audio.commands.recipe import recipe
from rfcx_audio.commands.search import search
from rfcx_audio.commands.train import train
from rfcx_audio.config import build, load_config
from rfcx_audio.data import Annotations, read_annotations, row_templates
from rfcx_audio.experiment import settle
from rfcx_audio.frontend import LogMel
from rfcx_audio.metric import lwlrap
from rfcx_audio.scores import Scores, draw_prevalence, evaluate, unlabelled_prevalence
from rfcx_audio.scoring import Recogniser, draw_recording
from rfcx_audio.scoring import load_recogniser as load

__all__ = [
    "Annotations",
    "Labels",
    "LogMel",
    "Recogniser",
    "Scores",
    "answers",
    "build",
    "detect",
    "draw_prevalence",
    "draw_recording",
    "embed",
    "evaluate",
    "load",
    "load_config",
    "lwlrap",
    "predict",
    "read_annotations",
    "recipe",
    "row_templates",
    "search",
    "settle",
    "train",
    "unlabelled_prevalence",
]

__version__: str
