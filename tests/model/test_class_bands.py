from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Boxes, ClassBands, Logits
from rfcx_audio.data import SpeciesClass
from rfcx_audio.data.spectrograms import on_axes
from rfcx_audio.frontend import LogMel
from rfcx_audio.frontend import class_bands as bands_of
from rfcx_audio.model import BandNorm, ClassBandDetector, class_bands
from rfcx_audio.model.class_bands import slide

MELS, FRAMES = 32, 50
BANDS = ClassBands(
    species=torch.tensor([0, 0, 1]),
    songtype=torch.tensor([1, 4, 1]),
    low=torch.tensor([2, 12, 20]),
    high=torch.tensor([10, 18, 32]),
    frames=torch.tensor([10, 20, 80]),
    f_min=torch.tensor([2.0, 12.0, 20.0]) / MELS,
    f_max=torch.tensor([10.0, 18.0, 32.0]) / MELS,
)


class Mean(nn.Module):
    """An encoder of one feature, the picture itself."""

    num_features = 1
    reduction = 1
    in_chans = 1

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[int] = []

    def forward(self, spectrogram: Tensor) -> Tensor:
        self.passes.append(spectrogram[:, 0].numel())
        return spectrogram


class Sums(nn.Module):
    """A head whose output c is the mean of the features, times c + 1."""

    def __init__(self, in_features: int, num_species: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(1.0, num_species + 1))

    def forward(self, features: Tensor) -> Logits:
        clip = features.mean((1, 2, 3))[:, None] * self.weight
        return Logits(clip, clip[:, None])


def detector(mode: str = "crop", pool: str = "max", bands: ClassBands = BANDS) -> ClassBandDetector:
    head = partial(Sums, num_species=3)
    made = ClassBandDetector(
        Mean(), head, BandNorm(MELS), bands, 2, mode=mode, size=(8, 8), pool=pool
    )
    return made.eval()


@pytest.mark.parametrize("mode", ["crop", "mask"])
def test_a_class_is_blind_to_energy_outside_its_band(mode: str) -> None:
    model = detector(mode)
    quiet = torch.randn(3, 1, MELS, FRAMES)
    classes, start = torch.arange(3)[:, None], torch.tensor([0, 7, 0])[:, None]
    before = model.of_classes(quiet, classes, start)
    for number in range(3):
        loud = quiet.clone()
        loud[:, :, : BANDS.low[number]] += 100.0
        loud[:, :, BANDS.high[number] :] -= 100.0
        after = model.of_classes(loud, classes, start)
        assert after[number] == before[number]
        inside = quiet.clone()
        inside[:, :, BANDS.low[number] : BANDS.high[number]] += 1.0
        assert model.of_classes(inside, classes, start)[number] != before[number]


def test_a_crop_is_blind_to_what_sounds_before_and_after() -> None:
    model = detector()
    quiet = torch.randn(1, 1, MELS, FRAMES)
    loud = quiet.clone()
    loud[..., :7] += 100.0
    loud[..., 27:] += 100.0
    args = (torch.tensor([[1]]), torch.tensor([[7]]))
    assert torch.equal(model.of_classes(quiet, *args), model.of_classes(loud, *args))


@pytest.mark.parametrize(("total", "window"), [(50, 10), (50, 7), (50, 80), (11, 2), (5, 1)])
def test_places_cover_everything_and_overlap_by_half(total: int, window: int) -> None:
    starts = slide(total, window)
    width = min(window, total)
    assert starts[0] == 0
    assert starts[-1] == total - width
    assert max(np.diff(starts), default=0) <= max(1, width // 2)


@pytest.mark.parametrize("pool", ["max", "top3"])
def test_sliding_and_merging_equal_a_plain_loop(pool: str) -> None:
    model = detector(pool=pool)
    spectrogram = torch.randn(4, 1, MELS, FRAMES)
    logits = model(spectrogram).clip
    for row in range(4):
        by_class = []
        for number in range(3):
            window = min(int(BANDS.frames[number]), FRAMES)
            places = [
                model.of_classes(
                    spectrogram[row : row + 1], torch.tensor([[number]]), torch.tensor([[start]])
                ).item()
                for start in slide(FRAMES, window)
            ]
            best = sorted(places)[-1:] if pool == "max" else sorted(places)[-3:]
            by_class.append(np.mean(best))
        expected = [max(by_class[0], by_class[1]), by_class[2]]
        np.testing.assert_allclose(logits[row].detach(), expected, rtol=1e-5)


@pytest.mark.parametrize("mode", ["crop", "mask"])
def test_small_passes_bound_memory_and_give_the_same(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, spectrogram = detector(mode), torch.randn(4, 1, MELS, FRAMES)
    at_once = model(spectrogram).clip
    assert len(model.encoder.passes) == 1
    most = 3 * (64 if mode == "crop" else MELS * FRAMES) + 5
    monkeypatch.setattr(class_bands, "_PIXELS_AT_ONCE", most)
    model.encoder.passes.clear()
    torch.testing.assert_close(model(spectrogram).clip, at_once)
    assert len(model.encoder.passes) > 1
    assert max(model.encoder.passes) <= most


@pytest.mark.parametrize("shape", [(2, 3, MELS, FRAMES), (2, MELS, FRAMES)])
def test_a_spectrogram_of_other_channels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"model\.encoder\.in_chans"):
        detector()(torch.randn(shape))


@pytest.mark.parametrize("axis", ["mels", "frames"])
def test_a_class_too_small_to_be_cropped_is_refused(axis: str) -> None:
    narrow = {
        "mels": BANDS._replace(high=BANDS.low + 1),
        "frames": BANDS._replace(frames=torch.ones(3, dtype=torch.int64)),
    }[axis]
    head = partial(Sums, num_species=3)
    ClassBandDetector(Mean(), head, nn.Identity(), narrow, 2, mode="mask")
    with pytest.raises(ValueError, match=f"species 0, song 1 has .*1 {axis}"):
        ClassBandDetector(Mean(), head, nn.Identity(), narrow, 2, size=(8, 8))


def test_a_crop_smaller_than_encoder_and_head_need_is_refused() -> None:
    class Shrinking(Sums):
        reduction = 16

    head = partial(Shrinking, num_species=3)
    with pytest.raises(ValueError, match="reduction of 16"):
        ClassBandDetector(Mean(), head, nn.Identity(), BANDS, 2, size=(8, 16))


def row(species: int, song: int, low: float = 5.0, high: float = 9.0) -> Boxes:
    """A row from one mel to another, on a spectrogram."""
    nothing = torch.zeros(1)
    numbers = torch.tensor([species]), torch.tensor([song])
    edges = torch.tensor([low / MELS]), torch.tensor([high / MELS])
    return Boxes(*numbers, nothing > 0, nothing, nothing, nothing, *edges)


def test_rows_find_the_class_of_their_species_and_song() -> None:
    classes = [detector().class_of(row(*one)).item() for one in ((0, 4), (0, 1), (1, 1), (-1, 0))]
    assert classes == [1, 0, 2, -1]
    assert detector().class_of(row(1, 4)).item() == 2  # the only one of its species
    assert detector().class_of(row(0, 9, 13.0, 17.0)).item() == 1  # an unknown song's nearest


def test_of_several_classes_of_a_song_a_row_takes_the_nearest() -> None:
    several = BANDS._replace(songtype=torch.tensor([1, 1, 1]))
    found = detector(bands=several)
    assert found.class_of(row(0, 1, 3.0, 9.0)).item() == 0
    assert found.class_of(row(0, 1, 10.0, 25.0)).item() == 1
    assert found.class_of(row(0, 1, 0.0, 32.0)).item() == 0  # no frequencies: the wider one


def test_rows_in_hz_find_their_band_where_several_are_of_one_song() -> None:
    """As tables without songs have them: all rows of a species count as one."""
    frontend = LogMel(48_000, n_mels=128)
    bands_hz = [(500.0, 900.0), (4000.0, 6000.0), (9000.0, 12_000.0)]
    classes = [SpeciesClass(0, 1, *band, 1.0) for band in bands_hz]
    bands = bands_of(frontend, classes)
    found = ClassBandDetector(
        Mean(), partial(Sums, num_species=3), BandNorm(128), bands, 1, size=(8, 8)
    )
    for number, (f_min, f_max) in enumerate(bands_hz):
        crop = row(0, 1)._replace(f_min=torch.tensor([f_min]), f_max=torch.tensor([f_max]))
        on_spectrogram = on_axes(crop, 6.0, frontend)
        assert found.class_of(on_spectrogram).item() == number
        torch.testing.assert_close(on_spectrogram.f_min, bands.f_min[number : number + 1])


@pytest.mark.parametrize(
    "wrong", [{"mode": "half"}, {"pool": "sum"}, {"num_species": 3}, {"size": (0, 8)}, {"edge": 0}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    settings = {"num_species": 2, "size": (8, 8), **wrong}
    with pytest.raises(ValueError, match=r"mode|band|reduction"):
        ClassBandDetector(Mean(), partial(Sums, num_species=3), nn.Identity(), BANDS, **settings)


def test_frames_hold_the_highest_logit_of_the_places_over_them() -> None:
    model = detector()
    spectrogram = torch.randn(2, 1, MELS, FRAMES)
    logits = model(spectrogram)
    frames = logits.frame.shape[1]
    assert frames == 10  # the shortest place has 10 pixels of 50
    torch.testing.assert_close(logits.frame.amax(1), logits.clip)
    expected = torch.full((2, frames, 2), -torch.inf)
    for number, length in enumerate(BANDS.frames.clamp(max=FRAMES).tolist()):
        for start in slide(FRAMES, length):
            classes, place = torch.full((2, 1), number), torch.full((2, 1), start)
            logit = model.of_classes(spectrogram, classes, place)[:, 0].detach()
            for frame in range(frames):
                if start <= (frame + 0.5) * FRAMES / frames < start + length:
                    cell = expected[:, frame, BANDS.species[number]]
                    torch.maximum(cell, logit, out=cell)
    torch.testing.assert_close(logits.frame, expected)


def test_in_training_and_with_masks_there_is_one_frame() -> None:
    spectrogram = torch.randn(2, 1, MELS, FRAMES)
    assert detector().train()(spectrogram).frame.shape == (2, 1, 2)
    assert detector("mask")(spectrogram).frame.shape == (2, 1, 2)
