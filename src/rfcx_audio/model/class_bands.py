"""Frequency filtering: a detector that sees each class in its own band only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from rfcx_audio.batch import Boxes, ClassBands, Logits
from rfcx_audio.model.band_crops import crop_bands, interpolation, mask_bands, placed
from rfcx_audio.model.band_frames import covered_frames, frame_logits
from rfcx_audio.model.encoder import Encoder

Mode = Literal["crop", "mask"]
_SPECTROGRAM_DIMENSIONS = 4
_LEAST = 2  # mels and frames of a crop: between the centres of fewer pixels there is nothing
# Encoded in one pass: 1024 crops of 32 x 32, or 29 windows of 128 x 282, which take half a gigabyte
# in a densenet121.
_PIXELS_AT_ONCE = 2**20
_TOP = 3  # logits of `pool="top3"`


def slide(total: int, window: int) -> list[int]:
    """Starts of windows that overlap by half at least; the last one is flush with the end."""
    window = min(window, total)
    starts = range(0, total - window + 1, max(1, window // 2))
    return sorted({*starts, total - window})


class ClassBandDetector(nn.Module):
    """Normalise, filter, encode, decide: one logit from each class's own band.

    One encoder and one head serve all classes; a class reads its own output of the head. The
    spectrogram is computed once. `crop` cuts a class's band and duration out, stretches it to one
    small size, and slides it over time; its cost is that of all these small pictures, which for
    32 x 32 come to about six whole windows. `mask` keeps the window whole and silences what lies
    outside the band, once for each class, so that it costs as much as there are classes.

    Args:
        encoder: gives a map of `encoder.num_features` features.
        head: called as `head(encoder.num_features, num_species=…)`, with the number of classes; one
            logit for each.
        norm: of the whole spectrogram, band by band.
        bands: of the classes; several songs of a species are merged by their maximum.
        num_species: of the labels; each must have a class.
        mode: `crop` or `mask`.
        size: of a crop, (mels, frames); at least the reduction of encoder and head.
        edge: mels over which a mask's band fades in.
        pool: over a crop's places in time: `max`, or `top3`, the mean of the three highest logits.

    Attributes:
        bands: of the classes, on the CPU.
        songs: (species, most songs) int64, the classes of each species.
        is_song: the same shape, bool; a species may have fewer.
        reduction: the least size of a spectrogram's axes.

    Raises:
        ValueError: the settings contradict each other, or a class is too small to be cropped.

    Source: the deck, "Frequency filtering".
    """

    species: Tensor
    songtype: Tensor
    low: Tensor
    high: Tensor
    frames: Tensor
    f_min: Tensor
    f_max: Tensor
    songs: Tensor
    is_song: Tensor
    band_weights: Tensor

    def __init__(
        self,
        encoder: Encoder,
        head: Callable[..., nn.Module],
        norm: nn.Module,
        bands: ClassBands,
        num_species: int,
        mode: Mode = "crop",
        size: Sequence[int] = (32, 32),
        edge: int = 2,
        pool: Literal["max", "top3"] = "max",
    ) -> None:
        super().__init__()
        if mode not in ("crop", "mask") or pool not in ("max", "top3") or edge < 1:
            raise ValueError(
                f"mode ({mode!r}) must be crop or mask, pool ({pool!r}) max or top3, edge ({edge}) "
                "at least 1"
            )
        if set(bands.species.tolist()) != set(range(num_species)):
            raise ValueError(
                f"the classes are of species {sorted(set(bands.species.tolist()))}; each of the "
                f"{num_species} species needs a band: data/templates=rows takes them from the rows"
            )
        self.norm = norm
        self.encoder = encoder
        self.head = head(encoder.num_features, num_species=len(bands.species))
        self.bands = bands
        self.num_species = num_species
        self.mode: Mode = mode
        self.size = tuple(size)
        self.edge = edge
        self.pool = pool
        shrinks: int = encoder.reduction * getattr(self.head, "reduction", 1)
        self.reduction = shrinks if mode == "mask" else 1
        for name, field in bands._asdict().items():
            self.register_buffer(name, field.clone(), persistent=False)
        members = _members(bands.species, num_species)
        for name, field in zip(("songs", "is_song"), members, strict=True):
            self.register_buffer(name, field, persistent=False)
        if mode == "crop":
            _check_crops(bands, self.size, shrinks)
            highest = int(bands.high.max())
            weights = interpolation(bands.low, bands.high, self.size[0], highest)
            self.register_buffer("band_weights", weights, persistent=False)
        self._layouts: dict[tuple[int, torch.device], _Layout] = {}

    def class_of(self, boxes: Boxes) -> Tensor:
        """The class of each row: of its species, if possible of its song, and nearest in frequency.

        Args:
            boxes: on spectrograms, of any shape.

        Returns:
            int64 of the same shape; -1 where no class is of the species.
        """
        species, songtype = boxes.species[..., None], boxes.songtype[..., None]
        f_min, f_max = boxes.f_min[..., None], boxes.f_max[..., None]
        shared = torch.minimum(f_max, self.f_max) - torch.maximum(f_min, self.f_min)
        whole = torch.maximum(f_max, self.f_max) - torch.minimum(f_min, self.f_min)
        # The share of both bands in common is in [-1, 1]; the same song counts for more.
        nearness = shared / whole.clamp(min=1e-6) + 3.0 * (songtype == self.songtype)
        is_species = species == self.species
        nearest = torch.where(is_species, nearness, -torch.inf).argmax(-1)
        return torch.where(is_species.any(-1), nearest, -1)

    def of_classes(self, spectrogram: Tensor, classes: Tensor, start: Tensor) -> Tensor:
        """The logits of some classes of each example.

        Args:
            spectrogram: (batch, channels, mels, frames).
            classes: (batch, some) int64.
            start: (batch, some) first frame of the class's stretch of time, a whole number, so that
                the stretch ends within the spectrogram; a mask has no need of it.

        Returns:
            (batch, some)

        Raises:
            ValueError: the spectrogram has other channels than the encoder, or is too small.
        """
        normalised = self._normalised(spectrogram)
        if self.mode == "mask":
            low, high = self.low[classes], self.high[classes]
            return self._logits(mask_bands(normalised.unsqueeze(1), low, high, self.edge), classes)
        width = spectrogram.shape[3]
        times = placed(self._layout(width).time_weights, classes, start.long(), width)
        return self._logits(self._cut(normalised, self.band_weights[classes], times), classes)

    def forward(self, spectrogram: Tensor) -> Logits:
        """The logits of every species; outside of training, those of frames as well, for crops.

        A frame's logit is the highest of the places over it, so that with `pool="max"` the highest
        of all frames is the clip's. In training there is one frame: the loss is of the clip.

        Args:
            spectrogram: (batch, channels, mels, frames).

        Raises:
            ValueError: the spectrogram has other channels than the encoder, or is too small.
        """
        normalised = self._normalised(spectrogram)
        layout = self._layout(spectrogram.shape[3])
        height, length = self.size if self.mode == "crop" else spectrogram.shape[2:]
        at_once = max(1, _PIXELS_AT_ONCE // (height * length))
        by_place = torch.cat(
            [
                torch.cat(list(self._slid(some, layout, max(1, at_once // len(some)))), dim=1)
                for some in normalised.split(at_once)
            ]
        )  # (batch, places)
        lowest = torch.where(layout.is_place, 0.0, -torch.inf)  # (classes, most places)
        of_classes = by_place[:, layout.places] + lowest  # (batch, classes, most places)
        by_class = self._pooled(of_classes)  # (batch, classes)
        lowest = torch.where(self.is_song, 0.0, -torch.inf)  # (species, most songs)
        clip = (by_class[:, self.songs] + lowest).amax(2)  # (batch, species)
        if self.training or self.mode == "mask":
            return Logits(clip=clip, frame=clip.unsqueeze(1))
        frame = frame_logits(of_classes, layout.covered, self.songs, self.is_song)
        return Logits(clip=clip, frame=frame)

    def _normalised(self, spectrogram: Tensor) -> Tensor:
        shape, channels = tuple(spectrogram.shape), self.encoder.in_chans
        if (
            len(shape) != _SPECTROGRAM_DIMENSIONS
            or shape[1] != channels
            or min(shape[2:]) < self.reduction
        ):
            raise ValueError(
                f"spectrogram of shape {shape}; expected (batch, {channels}, mels, frames), mels "
                f"and frames at least {self.reduction}; model.encoder.in_chans must be the front "
                "end's channels, and the crop long enough for encoder and head"
            )
        return self.norm(spectrogram)

    def _layout(self, width: int) -> _Layout:
        """Where the classes lie in spectrograms of a width, kept on the device."""
        key = (width, self.low.device)
        if key not in self._layouts:
            # What is made in inference mode could not be used in training.
            with torch.inference_mode(mode=False):
                made = _made_layout(self.bands, width, self.mode, self.size[1])
                on_device = made._replace(
                    **{
                        name: field.to(self.low.device)
                        for name, field in made._asdict().items()
                        if isinstance(field, Tensor)
                    }
                )
            self._layouts[key] = on_device
        return self._layouts[key]

    def _slid(self, normalised: Tensor, layout: _Layout, at_once: int) -> Iterator[Tensor]:
        """The logits of all places of some examples, (examples, places) in parts."""
        for begin in range(0, len(layout.classes), at_once):
            part = slice(begin, begin + at_once)
            classes, width = layout.classes[part], normalised.shape[3]  # (places,)
            if self.mode == "mask":
                low, high = self.low[classes], self.high[classes]
                seen = mask_bands(normalised.unsqueeze(1), low, high, self.edge)
            else:
                times = placed(layout.time_weights, classes, layout.starts[part], width)
                seen = self._cut(normalised, self.band_weights[classes], times)
            yield self._logits(seen, classes.expand(len(normalised), -1))

    def _cut(self, normalised: Tensor, bands: Tensor, times: Tensor) -> Tensor:
        return crop_bands(normalised[:, :, : bands.shape[-1]], bands, times)

    def _logits(self, pictures: Tensor, classes: Tensor) -> Tensor:
        """(batch, some, channels, height, width), (batch, some) -> (batch, some)."""
        logits = self.head(self.encoder(pictures.flatten(0, 1))).clip  # (batch * some, classes)
        return logits.float().gather(1, classes.reshape(-1, 1)).view_as(classes)

    def _pooled(self, logits: Tensor) -> Tensor:
        """(batch, classes, most places) -> (batch, classes); -inf is no place."""
        if self.pool == "max":
            return logits.amax(2)
        highest = logits.topk(min(_TOP, logits.shape[2]), dim=2).values
        there = highest > -torch.inf
        return torch.where(there, highest, 0.0).sum(2) / there.sum(2)


class _Layout(NamedTuple):
    """Where classes are looked for in spectrograms of one width.

    Attributes:
        classes: (places,) int64, in ascending order.
        starts: (places,) int64, first frames.
        places: (classes, most places) int64, those of each class.
        is_place: the same shape, bool; a class may have fewer.
        covered: (classes, most places, frames) bool, see `covered_frames`.
        time_weights: (classes, longest, width of a crop) float32, see `placed`; empty for masks.
    """

    classes: Tensor
    starts: Tensor
    places: Tensor
    is_place: Tensor
    covered: Tensor
    time_weights: Tensor


def _made_layout(bands: ClassBands, width: int, mode: Mode, crop_width: int) -> _Layout:
    frames = bands.frames.clamp(max=width)
    starts = [slide(width, one) if mode == "crop" else [0] for one in frames.tolist()]
    counts = torch.tensor([len(one) for one in starts])
    classes = torch.arange(len(counts)).repeat_interleave(counts)
    places, is_place = _members(classes, len(counts))
    weights = torch.empty(0)
    if mode == "crop":
        weights = interpolation(torch.zeros_like(frames), frames, crop_width, int(frames.max()))
        weights = weights.transpose(1, 2).contiguous()
    all_starts = torch.tensor([start for one in starts for start in one])
    covered = covered_frames(all_starts, frames[classes], width)[places] & is_place[..., None]
    return _Layout(classes, all_starts, places, is_place, covered, weights)


def _members(group: Tensor, number: int) -> tuple[Tensor, Tensor]:
    """(groups, most members) positions of each group's members, 0 where it has fewer, and which."""
    counts = torch.bincount(group, minlength=number)
    is_member = torch.arange(int(counts.max())) < counts[:, None]
    members = torch.zeros(is_member.shape, dtype=torch.int64)
    members[is_member] = group.argsort(stable=True)
    return members, is_member


def _check_crops(bands: ClassBands, size: Sequence[int], shrinks: int) -> None:
    if min(size) < shrinks:
        raise ValueError(
            f"size = {tuple(size)} is too small: encoder and head shrink it by the reduction of "
            f"{shrinks}; raise model.size, or choose model/head=linear"
        )
    sizes = (bands.species, bands.songtype, bands.low, bands.high, bands.frames)
    for species, songtype, low, high, frames in zip(*(x.tolist() for x in sizes), strict=True):
        if min(high - low, frames) < _LEAST:
            raise ValueError(
                f"the band of species {species}, song {songtype} has {high - low} mels and "
                f"{frames} frames, a crop needs {_LEAST} of both; raise "
                "model.bands.classes.padding_hz or padding_s, or frontend.n_mels, or choose "
                "model=class_bands_mask"
            )
