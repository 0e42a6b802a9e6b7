from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rfcx_audio.encoders import EncoderFileError, file_sha256
from tiny_encoders import Bands, sound

SOURCE = {"source": "the shelf beside the door"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bands.txt"
    path.write_text("low\nhigh\n")
    return path


def test_an_encoder_is_made_and_described_without_its_file(file: Path) -> None:
    described = Bands(str(file), 1_000, 0.25).described()
    assert described.pop("_target_") == "tiny_encoders.Bands"
    file.unlink()
    without = Bands(**described)
    assert (without.num_features, without.window_samples) == (2, 250)
    assert without.described() == described | {"_target_": "tiny_encoders.Bands"}
    with pytest.raises(EncoderFileError, match=r"bands\.txt does not exist"):
        without(sound(1))


def test_the_file_is_compared_with_that_of_the_description(file: Path) -> None:
    before = file_sha256(file)
    described = Bands(str(file), 1_000, 0.25).described()
    described.pop("_target_")
    assert Bands(**described)(sound(2)).shape == (2, 2)
    file.write_text("low\nmiddle\n")
    after = file_sha256(file)
    message = (
        rf"made with .* SHA-256 {before}; {re.escape(str(file))} has {after}; embed .* give that "
        r"one by model\.encoder\.file=… \(encoder_file=… if"
    )
    with pytest.raises(EncoderFileError, match=message):
        Bands(**described)(sound(2))


def test_another_width_than_the_described_is_refused(file: Path) -> None:
    with pytest.raises(EncoderFileError, match=r"2 features a window, and num_features = 5; leave"):
        Bands(str(file), 1_000, 0.25, num_features=5)(sound(1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"no file of weights is given; give it by model\.encoder\.file=…\. The file can"),
        ("nowhere/a.tflite", r"nowhere/a\.tflite does not exist; give .*: the shelf beside"),
        ("package:no_such_birds/a.tflite", r"package no_such_birds, which has a\.tflite, is not"),
        ("package:torch/a.tflite", r"torch/a\.tflite does not exist"),
    ],
)
def test_a_missing_file_is_refused_with_where_it_can_be_had(
    given: str | None, message: str
) -> None:
    encoder = Bands(given, 1_000, 0.25, about=SOURCE)
    with pytest.raises(EncoderFileError, match=message):
        encoder(sound(1))
    with pytest.raises(EncoderFileError, match=message):
        _ = encoder.sha256


def test_a_file_in_a_package_is_found_without_importing_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "someones_birds"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    file.rename(package / "bands.txt")
    monkeypatch.syspath_prepend(tmp_path)
    encoder = Bands("package:someones_birds/bands.txt", 1_000, 0.25)
    assert encoder(sound(1)).shape == (1, 2)
    assert encoder.settings["file"] == "package:someones_birds/bands.txt"


def test_the_species_are_the_scientific_names_of_a_file(file: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("Parus major_Great Tit\nBubo bubo\n\nDog_Dog\n", encoding="utf-8")
    about = {"licence": "MIT", "species_file": str(names)}
    encoder = Bands(str(file), 1_000, 0.25, about=about)
    assert encoder.species == ("Parus major", "Bubo bubo", "Dog")
    assert encoder.licence == "MIT"
    assert Bands(str(file), 1_000, 0.25).species == ()
    names.unlink()
    lost = Bands(str(file), 1_000, 0.25, about=about)
    with pytest.raises(EncoderFileError, match=r"names\.txt .*model\.encoder\.about\.species_file"):
        _ = lost.species


def test_windows_are_brought_to_a_peak_each_for_itself(file: Path) -> None:
    windows = torch.cat([sound(2), 0.2 * sound(1) + 0.1, torch.zeros(1, 250)])
    found = Bands(str(file), 1_000, 0.25, peak=0.25)(windows)
    for window, features in zip(windows[:3].numpy(), found, strict=False):
        centred = window - window.mean()
        scaled = centred / np.abs(centred).max() * 0.25
        expected = [np.abs(part).mean() for part in np.array_split(scaled, 2)]
        np.testing.assert_allclose(features, expected, rtol=1e-5)
    assert found[3].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sample_rate": 0}, "sample_rate = 0"),
        ({"window_s": -1.0}, r"window_s = -1\.0"),
        ({"peak": 0.0}, r"peak = 0\.0"),
        ({"about": {"price": "none"}}, r"\['price'\]; expected licence, source, species_file"),
    ],
)
def test_settings_out_of_range_are_refused(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bands(**{"file": None, "sample_rate": 8, "window_s": 1.0} | changed)
