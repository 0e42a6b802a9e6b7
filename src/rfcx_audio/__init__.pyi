from rfcx_audio.batch import Labels as Labels
from rfcx_audio.commands.predict import predict as predict
from rfcx_audio.commands.train import train as train
from rfcx_audio.config import build as build
from rfcx_audio.config import load_config as load_config
from rfcx_audio.data import Annotations as Annotations
from rfcx_audio.data import read_annotations as read_annotations
from rfcx_audio.frontend import LogMel as LogMel
from rfcx_audio.inference import Recogniser as Recogniser
from rfcx_audio.inference import draw_recording as draw_recording
from rfcx_audio.inference import load_recogniser as load
from rfcx_audio.metric import lwlrap as lwlrap
from rfcx_audio.scores import Scores as Scores
from rfcx_audio.scores import draw_prevalence as draw_prevalence
from rfcx_audio.scores import evaluate as evaluate
from rfcx_audio.scores import unlabelled_prevalence as unlabelled_prevalence

__version__: str
__all__: list[str]
