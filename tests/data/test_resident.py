from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from quick import words
from rfcx_audio.batch import PlacedBatch, WaveformBatch
from rfcx_audio.config import build, load_config
from rfcx_audio.data import (
    AudioReader,
    CropDataset,
    CropRecipe,
    Draw,
    RecordingDataModule,
    Recordings,
    ResidentAudio,
    ResidentReader,
    collate_crops,
    collate_placed,
    reachable,
    resident,
)
from rfcx_audio.data.sampler import BACKGROUND
from rfcx_audio.data.stretches import laid_out

RATE = 8000
CPU = torch.device("cpu")
ROWS = [("a", 0.0, 0.5), ("a", 9.4, 10.0), ("a", 4.0, 4.5), ("b", 0.5, 0.8), ("c", 1.0, 9.0)]


def table(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=pd.Index(["recording_id", "t_min", "t_max"]))
    known = {"species_id": 1, "songtype_id": 1, "present": True, "weight": 1.0}
    return found.assign(**known, f_min=100.0, f_max=200.0)


def write(
    folder: Path,
    seconds: dict[str, float],
    rate: int = RATE,
    channels: int = 1,
    subtype: str = "PCM_16",
    level: float = 0.9,
) -> Recordings:
    draw = np.random.default_rng(3)
    for name, length in seconds.items():
        samples = draw.uniform(-level, level, (round(length * rate), channels))
        soundfile.write(folder / f"{name}.wav", samples, rate, subtype=subtype)
    return Recordings.scan(folder)


def module(forest: Path, folder: Path, *more: str) -> RecordingDataModule:
    data: RecordingDataModule = build(
        load_config("train", words(forest, folder, *more)).data.module
    )
    data.prepare_data()
    data.setup("fit")
    return data


class Pair(NamedTuple):
    """The same draws by both readers, with the audio that the second keeps."""

    direct: WaveformBatch
    resident: WaveformBatch
    placed: PlacedBatch
    audio: ResidentAudio


def both(
    rows: pd.DataFrame,
    recordings: Recordings,
    recipe: CropRecipe,
    draws: list[Draw],
    block: int | None = None,
) -> Pair:
    reader = ResidentReader(RATE, max_share=1.0)
    stretches = reachable(rows, recordings.durations_s, recipe, reader)
    audio = ResidentAudio(reader, recordings.paths, stretches, CPU)
    plain = CropDataset(rows, recordings, AudioReader(RATE), recipe, 3)
    there = CropDataset(rows, recordings, reader, recipe, 3, resident=audio.places)
    placed = collate_placed([there[draw] for draw in draws])
    assert isinstance(placed, PlacedBatch)
    found = audio.crops(placed, reader.num_samples(recipe.duration_s))
    return Pair(collate_crops([plain[draw] for draw in draws]), found, placed, audio)


def tensors(batch: WaveformBatch | PlacedBatch) -> Iterator[torch.Tensor]:
    labels = batch.labels
    yield from (*labels.clip, *labels.frame, *labels.truth, *labels.boxes)
    assert labels.rows is not None
    yield labels.rows


def assert_same(pair: Pair) -> None:
    assert torch.equal(pair.direct.waveform, pair.resident.waveform)
    assert pair.direct.seed == pair.resident.seed
    assert pair.direct.failures == pair.resident.failures
    for one, other in zip(tensors(pair.direct), tensors(pair.resident), strict=True):
        assert torch.equal(one, other)


def draws_of(rows: pd.DataFrame, seeds: range, background: int = 0) -> list[Draw]:
    around = [Draw(row, seed) for seed in seeds for row in range(len(rows))]
    return around + [Draw(BACKGROUND, seed) for seed in range(background)]


@pytest.mark.parametrize("background_share", [0.0, 0.25])
@pytest.mark.parametrize("duration_s", [1.0, 2.3337, 6.0])
def test_resident_crops_are_those_that_are_decoded(
    duration_s: float, background_share: float, tmp_path: Path
) -> None:
    # Rows at both ends, one longer than a crop, and recordings that are shorter than one.
    rows = table(ROWS)
    recordings = write(tmp_path, {"a": 10.0, "b": 1.3, "c": 9.12345})
    recipe = CropRecipe(duration_s, background_share=background_share)
    background = 6 if background_share and duration_s < 3 else 0
    pair = both(rows, recordings, recipe, draws_of(rows, range(12), background))
    assert (pair.placed.places[:, 0] == 0).all()
    assert not pair.placed.waveform.numel()
    assert_same(pair)


@pytest.mark.parametrize(
    "form", [{"channels": 2}, {"rate": 11_025}, {"subtype": "PCM_24"}, {"rate": 4000}]
)
def test_other_forms_are_rounded_to_16_bits(form: dict[str, Any], tmp_path: Path) -> None:
    rows = table(ROWS)
    recordings = write(tmp_path, {"a": 10.0, "b": 1.3, "c": 9.5}, level=0.5, **form)
    pair = both(rows, recordings, CropRecipe(2.0), draws_of(rows, range(6)))
    assert (pair.placed.places[:, 0] == 0).all()
    assert len(pair.resident.waveform) == 30
    difference = (pair.direct.waveform - pair.resident.waveform).abs().max()
    assert 0 < difference <= 2**-16 + 1e-6


def test_what_16_bits_cannot_hold_and_what_breaks_is_decoded_for_each_crop(tmp_path: Path) -> None:
    rows = table([*ROWS, ("broken", 1.0, 2.0), ("broken", 8.0, 9.0), ("gone", 1.0, 2.0)])
    recordings = write(tmp_path, {"a": 10.0, "b": 1.3, "broken": 10.0, "gone": 10.0})
    loud = write(tmp_path, {"c": 9.5}, subtype="FLOAT", level=3.0)
    recordings = Recordings(loud.paths, loud.infos, {})
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    cut = tmp_path / "broken.flac"
    soundfile.write(cut, samples, RATE)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    recordings.paths["broken"] = cut
    (tmp_path / "gone.wav").unlink()
    pair = both(rows, recordings, CropRecipe(2.0), draws_of(rows, range(6)))
    read = pair.placed.places[:, 0] < 0
    assert 0 < read.sum() == len(pair.placed.waveform)
    assert set(pair.audio.places) == {"a", "b", "broken"}
    assert {failure.recording_id for failure in pair.direct.failures} == {"broken", "gone"}
    assert pair.resident.waveform.max() > 2.5
    assert_same(pair)


def test_a_batch_without_resident_crops_or_without_any_is_one_of_its_own(tmp_path: Path) -> None:
    rows = table([("c", 1.0, 2.0), ("gone", 1.0, 2.0)])
    recordings = write(tmp_path, {"c": 9.5, "gone": 5.0}, subtype="FLOAT", level=3.0)
    (tmp_path / "gone.wav").unlink()
    pair = both(rows, recordings, CropRecipe(2.0), [Draw(0, 1), Draw(1, 2), Draw(0, 3)])
    assert not pair.audio.places
    assert_same(pair)
    reader = ResidentReader(RATE)
    nothing = CropDataset(rows, recordings, reader, CropRecipe(2.0), 3)[Draw(1, 0)]
    batch = collate_placed([nothing])
    assert isinstance(batch, WaveformBatch)
    assert len(batch.failures) == 1


def test_audio_in_several_blocks_gives_the_same_crops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the host's memory serves a GPU: crop by crop, from blocks.
    rows = table(ROWS)
    recordings = write(tmp_path, {"a": 10.0, "b": 1.3, "c": 9.5})
    pair = both(rows, recordings, CropRecipe(2.0), draws_of(rows, range(4)))
    audio, whole = pair.audio, pair.audio.blocks[0]
    kept = [one for stretches in audio.places.values() for one in stretches]
    placed, lengths = laid_out([one._replace(block=0, offset=0) for one in kept], 5 * RATE)
    assert len(lengths) > 2
    audio.blocks = [torch.zeros(length, dtype=torch.int16) for length in lengths]
    for old, new in zip(kept, placed, strict=True):
        samples = whole[old.offset : old.offset + old.stop - old.first]
        audio.blocks[new.block][new.offset : new.offset + len(samples)] = samples
    audio.memory = torch.device("meta")  # another than that of the batch
    moved = {(old.block, old.offset): new for old, new in zip(kept, placed, strict=True)}
    places = []
    for block, offset in pair.placed.places.tolist():
        old = max(at for at in moved if at <= (block, offset))
        places.append((moved[old].block, moved[old].offset + offset - old[1]))
    found = audio.crops(pair.placed._replace(places=np.array(places)), 2 * RATE)
    assert torch.equal(found.waveform, pair.direct.waveform)


GPU = torch.device("cuda", 0)


def free(monkeypatch: pytest.MonkeyPatch, gpu: int, host: int) -> None:
    sizes = {"cuda": gpu, "cpu": host}
    monkeypatch.setattr(resident, "free_memory", lambda device: sizes[device.type])


def test_the_gpu_takes_its_share_then_the_host_then_neither(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reader = ResidentReader(RATE, max_share=0.5)
    free(monkeypatch, gpu=100, host=400)
    assert reader.memory_for(50, GPU) == GPU
    assert not caplog.text
    assert reader.memory_for(51, GPU) == CPU
    assert "more than data.reader.max_share = 0.5 of the" in caplog.text
    assert "free on cuda:0: they stay in the memory of the host" in caplog.text
    assert reader.memory_for(200, GPU) == CPU
    for size, device, processes in ((201, GPU, 1), (201, CPU, 1), (101, CPU, 2)):
        with pytest.raises(ValueError, match="choose data/reader=cached, or raise"):
            reader.memory_for(size, device, processes)


def test_the_log_names_the_size_and_the_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = table([("a", 1.0, 2.0), ("a", 1000.0, 1001.0)])
    recordings = write(tmp_path, {"a": 1100.0})
    with caplog.at_level("INFO"):
        both(rows, recordings, CropRecipe(300.0), [Draw(0, 0)])
    assert "0.01 GB of 16-bit samples (2 stretches of 1 recordings)" in caplog.text
    assert "in the memory of cpu after" in caplog.text
    assert "0 more stretches are decoded for each crop" in caplog.text
    assert str(ResidentReader(RATE)).endswith("training crops from memory")


@pytest.mark.parametrize("share", [0.0, 1.1, -1.0])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="max_share"):
        ResidentReader(RATE, share)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_module_gives_the_batches_of_direct_and_frees_its_memory(
    workers: int, forest: Path, tmp_path: Path
) -> None:
    plain = module(forest, tmp_path)
    there = module(forest, tmp_path, "data/reader=resident", f"data.num_workers={workers}")
    for one, other in zip(plain.train_dataloader(), there.train_dataloader(), strict=True):
        assert isinstance(other, PlacedBatch)
        assert not other.waveform.numel()  # workers send no audio
        expected = plain.on_after_batch_transfer(one, 0)
        found = there.on_after_batch_transfer(other, 0)
        assert torch.equal(expected.spectrogram, found.spectrogram)
    assert there._resident is not None
    there.teardown("fit")
    assert there._resident is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("share", [1.0, 1e-9])
def test_a_gpu_is_never_waited_for(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, recipe = table(ROWS), CropRecipe(2.0)
    recordings = write(tmp_path, {"a": 10.0, "b": 1.3, "c": 9.5})
    if share < 1:  # too little of the GPU, all of the host
        free(monkeypatch, gpu=1, host=2**40)
    reader = ResidentReader(RATE, max_share=1.0)
    stretches = reachable(rows, recordings.durations_s, recipe, reader)
    audio = ResidentAudio(reader, recordings.paths, stretches, GPU, block=5 * RATE)
    assert audio.memory.type == ("cuda" if share == 1 else "cpu")
    there = CropDataset(rows, recordings, reader, recipe, 3, resident=audio.places)
    plain = CropDataset(rows, recordings, AudioReader(RATE), recipe, 3)
    draws = draws_of(rows, range(4))
    placed = collate_placed([there[draw] for draw in draws])
    assert isinstance(placed, PlacedBatch)
    placed = placed._replace(waveform=placed.waveform.to(GPU))
    audio.crops(placed, 2 * RATE)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = audio.crops(placed, 2 * RATE)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = collate_crops([plain[draw] for draw in draws])
    assert torch.equal(found.waveform.cpu(), expected.waveform)


def test_processes_of_one_machine_share_cores_and_memory(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path, "data.num_workers=auto")
    alone = data.num_workers
    data.trainer = SimpleNamespace(num_devices=1000)  # pyright: ignore[reportAttributeAccessIssue]
    assert data._processes_here() == 1000
    assert 1 == data.num_workers <= alone
