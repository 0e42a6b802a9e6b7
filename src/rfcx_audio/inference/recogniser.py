"""The recogniser: reader, front end, detector and windows as they were trained together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from rfcx_audio.data import AudioReader
from rfcx_audio.frontend import LogMel
from rfcx_audio.inference.artefact import Artefact, file_hash, read_artefact
from rfcx_audio.inference.parts import build_part
from rfcx_audio.inference.tta import View, amplified, seen, unseen, views
from rfcx_audio.inference.windows import SlidingWindows
from rfcx_audio.scores import Calibration, moving_average, species_columns

# What torch meets in broken files, before it can say that they are broken.
_BROKEN = (
    RuntimeError,
    UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
CONFIG_KEY = "rfcx_audio_config"
"""Where a checkpoint keeps the text of the configuration it was trained with."""

_MODEL_PREFIX = "model."
_MEMORY_ONLY = "pixels_at_once"  # the setting of windows that no score depends on
_REASON_LENGTH = 600  # torch names every weight that is missing


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, and why."""


class Recogniser(nn.Module):
    """Waveforms to scores, with the settings of the training run and no others.

    >>> model = rfcx_audio.load("best.ckpt")
    >>> scores, starts_s = model(torch.zeros(2 * model.reader.sample_rate))
    >>> scores.shape  # windows of 1 s, species
    torch.Size([3, 24])

    Args:
        reader: of the audio that the front end expects.
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        detector: (batch, channels, mels, frames) -> `Logits`.
        windows: how recordings are cut, and scores pooled.
        num_species: that the detector tells apart.
        seen_as: in how many ways each window is heard, see `views`; the mean of the probabilities
            counts.
        checkpoint_hash: SHA-256 of the file that the weights come from; empty if from none.
        calibration: what the scores of windows (not of frames) go through in the end; None leaves
            them as they are.
    """

    def __init__(
        self,
        reader: AudioReader,
        frontend: LogMel,
        detector: nn.Module,
        windows: SlidingWindows,
        num_species: int,
        seen_as: Sequence[View] = (View(),),
        checkpoint_hash: str = "",
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.frontend = frontend
        # The faster layout of convolutions, see `Supervised`.
        self.detector = detector.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.windows = windows
        self.num_species = num_species
        self.seen_as = tuple(seen_as)
        self.checkpoint_hash = checkpoint_hash
        self.calibration = calibration

    @torch.inference_mode()
    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of a recording's windows.

        Args:
            waveform: (samples,) at the reader's sample rate.

        Returns:
            (windows, species) in [0, 1], and (windows,) starts in s.
        """
        scored = [self._window_scores(waveform, view) for view in self.seen_as]
        return self.finished(torch.stack([scores for scores, _ in scored]).mean(0)), scored[0][1]

    def finished(self, probabilities: Tensor) -> Tensor:
        """What every way of scoring ends with: the windows' moving average, then the calibration.

        Args:
            probabilities: (windows, species) in [0, 1] of all windows of one recording, in their
                order, as `SlidingWindows.probabilities` returns them; the mean over the views.

        Returns:
            The scores, of the same shape.
        """
        scores = moving_average(probabilities, self.windows.smooth)
        return scores if self.calibration is None else self.calibration(scores)

    @torch.inference_mode()
    def frames(self, waveform: Tensor) -> tuple[Tensor, Tensor, float]:
        """The scores of the frames of a recording's windows.

        Args:
            waveform: (samples,) at the reader's sample rate.

        Returns:
            (windows, the detector's frames, species) in [0, 1], (windows,) starts of the windows
            in s, and the length of a frame in s.
        """
        heard = [self._frame_scores(waveform, view) for view in self.seen_as]
        return torch.stack([scores for scores, _, _ in heard]).mean(0), *heard[0][1:]

    def settings(self) -> dict[str, Any]:
        """Everything that scores depend on beside the recordings, as JSON can hold it."""
        windows = {key: value for key, value in vars(self.windows).items() if key != _MEMORY_ONLY}
        calibrated = {} if self.calibration is None else {"calibration": self.calibration.to_dict()}
        return {
            "checkpoint_sha256": self.checkpoint_hash,
            "sample_rate": self.reader.sample_rate,
            "channel": self.reader.channel,
            "frontend": repr(self.frontend),
            **windows,
            "tta": len(self.seen_as),
            "views": [view._asdict() for view in self.seen_as],
            **calibrated,
        }

    def _window_scores(self, waveform: Tensor, view: View) -> tuple[Tensor, Tensor]:
        windows, starts_s = self._cut(waveform, view)
        return self.windows.probabilities(self.detector, windows), starts_s

    def _frame_scores(self, waveform: Tensor, view: View) -> tuple[Tensor, Tensor, float]:
        windows, starts_s = self._cut(waveform, view)
        scores = self.windows.frame_scores(self.detector, windows)
        frame_s = windows.shape[-1] * self.frontend.hop_s / scores.shape[1]
        return unseen(scores, view), starts_s, frame_s

    def _cut(self, waveform: Tensor, view: View) -> tuple[Tensor, Tensor]:
        windows, starts_s = self.windows.cut(self.frontend, amplified(waveform, view)[None])
        return seen(windows, view), starts_s


def load_recogniser(
    checkpoint: str | Path,
    overlap: float | None = None,
    pool: str | None = None,
    smooth: int | None = None,
    tta: int = 1,
    flip: bool = False,
    pixels_at_once: int | None = None,
) -> Recogniser:
    """The recogniser that a training run left, or that somebody shared, ready to use.

    >>> model = rfcx_audio.load("best.ckpt", tta=2)
    >>> model.num_species
    24

    Only tensors and plain values are read from the file: loading executes no code of its own, and
    what the file describes is built from this library's parts only, see `build_part`.

    Args:
        checkpoint: a `.ckpt` file that `rfcx_audio.train` wrote, or the folder of an artefact.
        overlap: of the windows, else as trained.
        pool: of the windows' scores, else as trained.
        smooth: windows in the moving average of their scores, else as trained.
        tta: number of views of each window, 1 for none but the window itself, see `views`.
        flip: whether every second view runs backwards.
        pixels_at_once: mels x frames x windows of a batch on a GPU, else as trained.

    Raises:
        ValueError: a setting is out of its range; as the rest, the file cannot be used:
        CheckpointError: it is missing, broken, or no checkpoint of this library.
        ArtefactError: the same of an artefact.
        PartError: it describes what this library does not know.
    """
    trained = read_trained(checkpoint)
    wanted = {
        "overlap": overlap,
        "pool": pool,
        "smooth": smooth,
        "pixels_at_once": pixels_at_once,
    }
    changes = {key: value for key, value in wanted.items() if value is not None}
    told = trained.calibration
    detector = build_part(trained.model, nn.Module)
    try:
        detector.load_state_dict(dict(trained.weights))
    except RuntimeError as error:
        reason = shorten(str(error), _REASON_LENGTH, placeholder=" …")
        raise CheckpointError(
            f"{checkpoint} does not fit its own configuration: {reason}"
        ) from None
    recogniser = Recogniser(
        reader=build_part(trained.reader, AudioReader),
        frontend=build_part(trained.frontend, LogMel),
        detector=detector,
        windows=build_part({**trained.windows, **changes}, SlidingWindows),
        num_species=len(trained.species),
        seen_as=views(tta, flip=flip),
        checkpoint_hash=trained.checkpoint_sha256,
        calibration=None if told is None else Calibration.from_dict(told),
    )
    return recogniser.eval()


def read_trained(place: str | Path) -> Artefact:
    """What a training run left or somebody shared, in descriptions and weights.

    Args:
        place: a `.ckpt` file or the folder of an artefact.

    Raises:
        CheckpointError: the file is missing, broken, or no checkpoint of this library.
        ArtefactError: the same of an artefact.
    """
    if Path(place).is_dir():
        return read_artefact(place)
    content = read_checkpoint(place)
    try:
        config = yaml.safe_load(content[CONFIG_KEY])
        data = config["data"]
        reader = {"sample_rate": data["sample_rate"], "channel": data["reader"]["channel"]}
        return Artefact(
            species=species_columns(data["num_species"]),
            reader={"_target_": "rfcx_audio.data.AudioReader", **reader},
            frontend=config["frontend"],
            # A method may wrap the model, as co-teaching does; its weights come from the file.
            model=without_pretrained(config["method"]["model"]),
            windows=config["inference"],
            calibration=None,
            checkpoint_sha256=file_hash(Path(place)),
            weights={
                key.removeprefix(_MODEL_PREFIX): value
                for key, value in content["state_dict"].items()
                if key.startswith(_MODEL_PREFIX)
            },
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{place} has an unreadable configuration: {error!r}") from None


def without_pretrained(node: Any) -> Any:  # noqa: ANN401 (a configuration of any depth)
    """A copy of a model's configuration in which every encoder starts from random weights."""
    if isinstance(node, Mapping):
        return {
            key: False if key == "pretrained" else without_pretrained(value)
            for key, value in node.items()
        }
    return node


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint of this library.

    Raises:
        CheckpointError: the file is missing, broken, or no checkpoint of this library.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"{path} does not exist; training writes last.ckpt and best.ckpt into the folder "
            "checkpoints/ of its run"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        # torch's own words recommend to load it all the same.
        raise CheckpointError(
            f"{path} is no readable checkpoint ({type(error).__name__}): it is broken, or holds "
            "more than tensors and plain values, which could run code and is not loaded"
        ) from None
    if not isinstance(content, dict) or CONFIG_KEY not in content:
        raise CheckpointError(f"{path} carries no configuration of rfcx_audio; train it with it")
    return content
