"""The recogniser: reader, front end, detector and windows as they were trained together."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rfcx_audio.data import AudioError, AudioReader, FeatureStore, FrameScores
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.hardware import autocast, best_precision
from rfcx_audio.scores import SEEN, Calibration, Scores, moving_average
from rfcx_audio.scoring.blocks import Block, WindowModel, cut_blocks
from rfcx_audio.scoring.gathered import RecordingScores, gathered
from rfcx_audio.scoring.listing import RecordingsLike, is_one_recording, name_recordings
from rfcx_audio.scoring.reading import Stretch, read_ahead
from rfcx_audio.scoring.stored import stored_scores
from rfcx_audio.scoring.tta import View, amplified, apply_view, undo_view
from rfcx_audio.scoring.windows import SlidingWindows
from rfcx_audio.tracked import tracked

_log = logging.getLogger(__name__)
_MEMORY_ONLY = "pixels_at_once"  # the setting of windows that no score depends on


class WindowScores(NamedTuple):
    """The probabilities of some windows, in [0, 1].

    Attributes:
        clip: (windows, species).
        frame: (windows, the detector's frames, species); None unless asked for.
    """

    clip: Tensor
    frame: Tensor | None


class Recogniser(WindowModel):
    """Waveforms to scores, with the settings of the training run and no others.

    >>> model = rfcx_audio.load("best.ckpt")
    >>> scores = model.score("audio/dawn.wav")
    >>> list(scores.frame())[:4]
    ['recording_id', 't_min', 't_max', 's0']

    `score` is how recordings get their scores, whoever asks; `predict` gives the same to the last
    bit on a CPU with one thread, and as close as 1e-5 in float32 otherwise.

    Args:
        reader: of the audio that the front end expects.
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        detector: (batch, channels, mels, frames) -> `Logits`.
        windows: how recordings are cut, and scores pooled.
        species: names of the detector's outputs, in their order.
        views: in which each window is scored, see `views`; the mean of the probabilities counts.
        checkpoint_hash: SHA-256 of the file that the weights come from; empty if from none.
        calibration: what the scores of windows (not of frames) go through in the end; None leaves
            them as they are.
        about: what is known of the species by name, see `Artefact`.
    """

    def __init__(
        self,
        reader: AudioReader,
        frontend: LogMel | EncoderFrontend,
        detector: nn.Module,
        windows: SlidingWindows,
        species: Sequence[str],
        views: Sequence[View] = (View(),),
        checkpoint_hash: str = "",
        calibration: Calibration | None = None,
        about: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__(reader, frontend, windows)
        # The faster layout of convolutions, see `Supervised`.
        self.detector = detector.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.species = tuple(species)
        self.views = tuple(views)
        self.checkpoint_hash = checkpoint_hash
        self.calibration = calibration
        self.about = dict(about)
        self.teachers_saw: tuple[str, ...] = ()  # see `load_recogniser`

    @property
    def num_species(self) -> int:
        """Width of the scores."""
        return len(self.species)

    def score(self, recordings: RecordingsLike) -> Scores:
        """The scores of all windows: smoothed, and calibrated if there is a calibration.

        A recording is read, cut and scored in blocks of a minute, so that its length does not
        matter. The network computes in `best_precision`.

        Args:
            recordings: a file, or a waveform (samples,) at the reader's sample rate; or several: a
                folder, pattern or list as in `list_recordings`, paths, or paths by recording id.

        Returns:
            One row a window, with `settings` as metadata. A waveform has the id `waveform`, a file
            its name without the ending. `metadata["failures"]` has the reasons why recordings have
            no scores, by id.

        Raises:
            AudioError: it is one file, which cannot be read. Of several, those that cannot be read
                are left out, with a warning.
            ValueError: there is no such recording, or a waveform is not (samples,).
        """
        return self._all_scores(recordings, with_frames=False)[0]

    def frames(self, recordings: RecordingsLike) -> tuple[Scores, dict[str, FrameScores]]:
        """The scores of all windows, as `score` returns them, and those of their frames.

        Args:
            recordings: see `score`.

        Returns:
            The scores of windows; and by recording, of the same windows, those of frames, which no
            calibration applies to.

        Raises:
            AudioError, ValueError: see `score`.
        """
        return self._all_scores(recordings, with_frames=True)

    def score_store(self, store: FeatureStore, names: Mapping[str, str] | None = None) -> Scores:
        """The scores of a head on features, from a store of them: those that `score` gives.

        Args:
            store: that the same encoder made, with the same hop and gain.
            names: ids in the store by the ids that scores are to have; None: all, as they are.

        Raises:
            StoreError: see `stored_scores`.
        """
        return gathered(self, stored_scores(self, store, names, with_frames=False))[0]

    def store_frames(
        self, store: FeatureStore, names: Mapping[str, str] | None = None
    ) -> tuple[Scores, dict[str, FrameScores]]:
        """The same, and the scores of frames by recording, see `frames`."""
        return gathered(self, stored_scores(self, store, names, with_frames=True))

    @torch.inference_mode()
    def forward(self, recording: Path | Tensor) -> tuple[Tensor, Tensor]:
        """The scores of one recording, in blocks and in the precision of the caller.

        Args:
            recording: a file, or a waveform (samples,) at the reader's sample rate.

        Returns:
            (windows, species) in [0, 1], and (windows,) starts in s, on the CPU.

        Raises:
            AudioError: the file cannot be read.
        """
        parts = ((block, self.read(recording, block)) for block in self.blocks(recording))
        scores, starts, _ = self._joined(parts, with_frames=False)
        return scores, starts

    @property
    def at_once(self) -> int:
        """How many windows a GPU takes in one batch."""
        return self.windows.at_once(self.frontend)

    @property
    def fewer_at_once(self) -> str:
        """How a user has fewer of them in a batch, for an error."""
        return f"lower pixels_at_once, now {self.windows.pixels_at_once}"

    def rows(self, found: Sequence[Block], waveforms: Sequence[Tensor]) -> Tensor:
        """The scores of windows alone, see `block_scores`: (windows, species)."""
        return self.block_scores(found, waveforms).clip

    @torch.inference_mode()
    def block_scores(
        self, found: Sequence[Block], waveforms: Sequence[Tensor], with_frames: bool = False
    ) -> WindowScores:
        """The scores of the windows of blocks; `finished` does what is left to do.

        Args:
            found: of `blocks`, of one recording or of several.
            waveforms: (samples,) of the stretch of each block, on this device.
            with_frames: whether to return those of frames too.

        Returns:
            Of all windows, one block after the other; the mean over the views.
        """
        clips, frames = [], []
        for view in self.views:
            louder = [amplified(waveform, view) for waveform in waveforms]
            windows = apply_view(cut_blocks(found, self.frontend, louder), view)
            if with_frames:
                clip, frame = self.windows.clip_and_frames(self.detector, windows)
                frames.append(undo_view(frame, view))
            else:
                clip = self.windows.probabilities(self.detector, windows)
            clips.append(clip)
        return WindowScores(
            torch.stack(clips).mean(0), torch.stack(frames).mean(0) if frames else None
        )

    def finished(self, probabilities: Tensor) -> Tensor:
        """What every way of scoring ends with: the windows' moving average, then the calibration.

        Args:
            probabilities: (windows, species) in [0, 1] of all windows of one recording, in their
                order, as `block_scores` returns them.

        Returns:
            The scores, of the same shape.
        """
        scores = moving_average(probabilities, self.windows.smooth)
        return scores if self.calibration is None else self.calibration(scores)

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
            "tta": len(self.views),
            "views": [view._asdict() for view in self.views],
            "about": self.about,
            **calibrated,
            **({SEEN: list(self.teachers_saw)} if self.teachers_saw else {}),
        }

    def _all_scores(
        self, recordings: RecordingsLike, with_frames: bool
    ) -> tuple[Scores, dict[str, FrameScores]]:
        named, alone = name_recordings(recordings), is_one_recording(recordings)
        outcomes = self._outcomes(named, with_frames)
        shown = tracked(outcomes, "scoring recordings", len(named), not alone)
        return gathered(self, shown, alone)

    def _outcomes(
        self, named: Mapping[str, Path | Tensor], with_frames: bool
    ) -> Iterator[tuple[str, RecordingScores | AudioError]]:
        """What becomes of recordings, in their order, on the CPU."""
        stretches: Iterator[Stretch] = read_ahead(named, self)
        for name, own in groupby(stretches, lambda stretch: stretch.recording_id):
            try:
                with autocast(self.device, best_precision(self.device.type)):
                    parts = (stretch.part.result() for stretch in own)
                    scores, starts, frame = self._joined(parts, with_frames)
            except AudioError as error:
                yield name, error
            else:
                frame = None if frame is None else frame.cpu()
                yield name, RecordingScores(scores.cpu(), starts, frame)

    @torch.inference_mode()
    def _joined(
        self, parts: Iterable[tuple[Block, Tensor]], with_frames: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """One recording from its blocks: scores, starts in s, and the frames' scores."""
        found, scored = [], []
        for block, waveform in parts:
            found.append(block)
            there = waveform.to(self.device)
            scored.append(self.block_scores([block], [there], with_frames))
        frames = [one.frame for one in scored if one.frame is not None]
        scores = self.finished(torch.cat([one.clip for one in scored]))
        return scores, self.starts_s(found), torch.cat(frames) if frames else None
