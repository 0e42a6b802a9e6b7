from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from rfcx_audio.config import CONF_DIR, build
from rfcx_audio.frontend import LogMel, mel, mel_filterbank

SAMPLE_RATE = 16000
PRESETS = ("default", "deck")


def small(**changes) -> LogMel:
    arguments = {
        "sample_rate": SAMPLE_RATE,
        "n_fft": 512,
        "hop_length": 160,
        "n_mels": 32,
        "f_min": 100.0,
        "f_max": 7000.0,
        "scaling": "log1p",
    }
    return LogMel(**(arguments | changes))


def preset(name: str, sample_rate: int = 48000) -> LogMel:
    node = OmegaConf.load(CONF_DIR / "frontend" / f"{name}.yaml")
    data = {"sample_rate": sample_rate, "f_min": 60.0, "f_max": 15_000.0}
    return build(OmegaConf.create({"data": data, "frontend": node}).frontend)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tone(hz: float, duration_s: float = 0.5, sample_rate: int = SAMPLE_RATE) -> torch.Tensor:
    t = torch.arange(int(duration_s * sample_rate), dtype=torch.float64) / sample_rate
    return torch.sin(2 * torch.pi * hz * t).float().unsqueeze(0)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("norm", ["none", "slaney"])
@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_it_equals_torchaudio(mel_scale, norm, center):
    waveform = noise(2, 9000)
    theirs = torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE,
        n_fft=512,
        hop_length=160,
        f_min=100.0,
        f_max=7000.0,
        n_mels=80,
        mel_scale=mel_scale,
        norm=None if norm == "none" else norm,
        center=center,
    )(waveform)
    ours = small(mel_scale=mel_scale, norm=norm, center=center, n_mels=80)(waveform)
    torch.testing.assert_close(ours[:, 0], theirs.log1p(), rtol=1e-5, atol=1e-7)


@pytest.mark.slow  # librosa compiles at its first call
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("norm", ["none", "slaney"])
@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_it_equals_librosa(mel_scale, norm, center):
    waveform = noise(1, 9000)
    theirs = librosa.feature.melspectrogram(
        y=waveform[0].numpy(),
        sr=SAMPLE_RATE,
        n_fft=512,
        hop_length=160,
        center=center,
        pad_mode="reflect",  # librosa's own default pads with zeros
        power=2.0,
        n_mels=32,
        fmin=100.0,
        fmax=7000.0,
        htk=mel_scale == "htk",
        norm=None if norm == "none" else norm,
    )
    ours = small(mel_scale=mel_scale, norm=norm, center=center)(waveform)
    torch.testing.assert_close(ours[0, 0], torch.from_numpy(theirs).log1p(), rtol=2e-5, atol=1e-7)


def tensorflow_mel_weights(n_mels, n_freqs, sample_rate, f_min, f_max):
    """`tf.signal.linear_to_mel_weight_matrix`: straight lines in mel, not in Hz; no DC bin."""

    def hz_to_mel(hz):
        return 1127.0 * np.log1p(np.asarray(hz) / 700.0)

    bins = hz_to_mel(np.linspace(0.0, sample_rate / 2, n_freqs)[1:])[:, None]
    edges = np.linspace(hz_to_mel(f_min), hz_to_mel(f_max), n_mels + 2)
    lower, middle, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - lower) / (middle - lower), (upper - bins) / (upper - middle)
    return np.pad(np.maximum(0.0, np.minimum(rising, falling)), ((1, 0), (0, 0)))


def tensorflow_log_mel(waveform, n_mels, sample_rate, f_min, f_max):
    """The deck's listing: `tf.signal.stft` with frames of 2048 every 512, unpadded."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 2048)[::512]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    weights = tensorflow_mel_weights(n_mels, 1025, sample_rate, f_min, f_max)
    return np.log1p(power @ weights).T


def test_the_deck_preset_is_what_tensorflow_computes_but_for_the_curve_of_the_triangles():
    # TensorFlow's triangles are straight in mel, ours (torchaudio's, librosa's) in Hz. Measured:
    # the weights differ by 0.0017 of 1 at most, log1p of white noise by 0.005 at most (its mean
    # is 1.98), shape and frames not at all. With their weights ours is theirs to 2e-5.
    ours = preset("deck")
    waveform = noise(1, 48000)
    theirs = tensorflow_log_mel(waveform[0].double().numpy(), 128, 48000, 125.0, 3800.0)
    weights = tensorflow_mel_weights(128, 1025, 48000, 125.0, 3800.0)
    spectrogram = ours(waveform)[0, 0].numpy()
    assert spectrogram.shape == theirs.shape
    assert np.abs(ours.filters.numpy() - weights).max() < 0.002
    assert np.abs(spectrogram - theirs).max() < 0.006
    ours.filters = torch.from_numpy(weights).float()
    np.testing.assert_allclose(ours(waveform)[0, 0].numpy(), theirs, rtol=1e-4)


@pytest.mark.parametrize("scaling", ["log1p", "log", "db"])
def test_every_scaling_is_the_stated_function_of_the_power(scaling):
    waveform = noise(1, 4000)
    power = small(scaling="log1p")(waveform).double().expm1()
    expected = {
        "log1p": power.log1p(),
        "log": (power + 1e-3).log(),
        "db": 10 * (power + 1e-3).log10(),
    }[scaling]
    ours = small(scaling=scaling, eps=1e-3)(waveform)
    torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=1e-5)


def test_zeros_give_finite_values():
    for scaling in ("log1p", "log", "db"):
        assert small(scaling=scaling)(torch.zeros(1, 4000)).isfinite().all()


def test_a_sine_of_amplitude_one_has_the_documented_power():
    frontend = small(center=False, scaling="log", eps=1e-9)
    hz = 64 * SAMPLE_RATE / 512  # exactly bin 64
    spectrum = torch.stft(
        tone(hz), 512, 160, window=frontend.window, center=False, return_complex=True
    )
    torch.testing.assert_close(
        spectrum[0, 64].abs().square(), torch.full((47,), 512**2 / 16), rtol=1e-3, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_it_stays_in_float32_under_autocast(dtype):
    frontend, waveform = small(), 20 * noise(2, 4000)
    expected = frontend(waveform)
    with torch.autocast("cpu", dtype=dtype):
        under_autocast = frontend(waveform)
    assert under_autocast.dtype == torch.float32
    assert torch.equal(under_autocast, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_cast_of_the_model_or_of_the_waveform_leaves_it_in_float32(dtype):
    loud = 0.99 * tone(1000.0)  # a power of 65 000, the end of float16
    expected = small(n_fft=2048)(loud.to(dtype).float())
    actual = torch.nn.Sequential(small(n_fft=2048)).to(dtype)(loud.to(dtype))
    assert actual.dtype == torch.float32
    assert torch.equal(actual, expected)


@settings(deadline=None, max_examples=60)
@given(num_samples=st.integers(64, 900), hop_length=st.integers(1, 90), center=st.booleans())
def test_num_frames_is_exact(num_samples, hop_length, center):
    frontend = LogMel(
        1000, n_fft=64, hop_length=hop_length, n_mels=4, f_min=0, f_max=500, center=center
    )
    frames = frontend(torch.zeros(1, num_samples)).shape[-1]
    assert frontend.num_frames(num_samples) == frames


@pytest.mark.parametrize(("center", "shortest"), [(True, 257), (False, 512)])
def test_the_shortest_waveform_works_and_the_error_of_a_shorter_one_has_its_shape(center, shortest):
    frontend = small(center=center)
    assert frontend(torch.zeros(1, shortest)).shape == (1, 1, 32, frontend.num_frames(shortest))
    with pytest.raises(ValueError, match=f"{shortest - 1} samples .* at least {shortest} samples"):
        frontend(torch.zeros(1, shortest - 1))
    with pytest.raises(ValueError, match="too short"):
        frontend.num_frames(0)


def test_other_shapes_and_integers_are_refused():
    with pytest.raises(ValueError, match=r"\(batch, samples\), got \(4000,\)"):
        small()(torch.zeros(4000))
    with pytest.raises(ValueError, match="int16"):
        small()(torch.zeros(1, 4000, dtype=torch.int16))


def test_a_batch_equals_a_loop():
    frontend, waveform = small(scaling="db"), noise(5, 4000)
    loop = torch.cat([frontend(row.unsqueeze(0)) for row in waveform])
    torch.testing.assert_close(frontend(waveform), loop, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 7, 60, 300])
@pytest.mark.parametrize("center", [True, False])
def test_stretches_of_any_length_give_the_same_frames(monkeypatch, center, frames):
    frontend, waveform = small(center=center), noise(5, 9000)
    monkeypatch.setattr(mel, "_CELLS_AT_ONCE", 10**9)
    whole = frontend(waveform)
    monkeypatch.setattr(mel, "_CELLS_AT_ONCE", frames * 257)
    torch.testing.assert_close(frontend(waveform), whole, rtol=1e-5, atol=1e-7)


def test_an_empty_batch_stays_empty():
    assert small()(torch.zeros(0, 4000)).shape == (0, 1, 32, 26)


@pytest.mark.parametrize("scaling", ["log1p", "log", "db"])
def test_the_gradient_reaches_the_waveform(scaling):
    waveform = noise(1, 4000).requires_grad_()
    small(scaling=scaling)(waveform).sum().backward()
    assert waveform.grad is not None
    assert waveform.grad.isfinite().all()
    assert waveform.grad[0, 600:3400].abs().min() > 0


def test_the_gradient_at_zeros_is_finite():
    waveform = torch.zeros(1, 4000, requires_grad=True)
    small(scaling="log")(waveform).sum().backward()
    assert waveform.grad is not None
    assert waveform.grad.isfinite().all()


@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
@pytest.mark.parametrize("hz", [312.5, 1000.0, 2500.0, 6000.0])
def test_a_pure_tone_is_loudest_in_the_band_of_largest_weight(hz, mel_scale):
    frontend = small(mel_scale=mel_scale)
    loudest = int(frontend(tone(hz))[0, 0, :, 5:-5].mean(-1).argmax())
    best = int(frontend.filters[round(hz / SAMPLE_RATE * 512)].argmax())
    assert loudest == best
    assert frontend.band_of([hz])[0] == pytest.approx(loudest + 0.5, abs=0.5 + 1e-6)


@pytest.mark.parametrize("mel_scale", ["htk", "slaney"])
def test_band_of_puts_the_centre_of_a_filter_in_the_middle_of_its_band(mel_scale):
    frontend = small(mel_scale=mel_scale, n_fft=8192)
    bins_hz = torch.arange(4097) * SAMPLE_RATE / 8192
    peaks_hz = bins_hz[frontend.filters.argmax(0)].tolist()
    expected = [band + 0.5 for band in range(32)]
    assert frontend.band_of(peaks_hz) == pytest.approx(expected, abs=0.03)


def test_band_of_rises_from_zero_to_the_number_of_bands():
    frontend = small()
    places = frontend.band_of([0.0, 100.0, 500.0, 1000.0, 3000.0, 7000.0, 8000.0])
    assert places == sorted(places)
    assert (places[0], places[1], places[-2], places[-1]) == (0, 0, 32, 32)


@pytest.mark.parametrize("name", PRESETS)
def test_no_filter_of_a_preset_is_empty(name):
    frontend = preset(name)
    assert (frontend.filters.amax(0) > 0).all()
    assert frontend.channels == 1


def test_the_default_preset_spans_every_annotation_and_gives_six_seconds_282_frames():
    frontend = preset("default")
    assert frontend.f_min <= 90
    assert frontend.f_max >= 14000
    assert frontend(noise(1, 6 * 48000)).shape == (1, 1, 128, 282)
    assert frontend.hop_s == pytest.approx(1024 / 48000)


def test_the_default_preset_is_the_signature_s_default():
    assert repr(preset("default")) == repr(LogMel(48000))


def test_empty_filters_are_named_with_three_ways_out():
    with pytest.raises(ValueError, match=r"mel filters .*lower n_mels, raise n_fft .*raise f_min"):
        mel_filterbank(48000, 1024, 128, 50.0, 14000.0, "htk")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"f_max": 9000.0}, "above half the sample rate"),
        ({"f_min": 7000.0}, "f_min"),
        ({"f_min": -1.0}, "f_min"),
        ({"n_fft": 511}, "even"),
        ({"n_mels": 0}, "n_mels"),
        ({"hop_length": 0}, "hop_length"),
        ({"eps": 0.0}, "eps"),
        ({"scaling": "linear"}, "log1p, log or db"),
    ],
)
def test_contradicting_settings_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_checkpoints_hold_nothing_of_it_and_the_repr_shows_the_settings():
    frontend = small()
    assert frontend.state_dict() == {}
    assert "n_mels=32" in repr(frontend)
    assert "100-7000 Hz" in repr(frontend)
