from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from rfcx_audio.data import AudioReader
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.examples import Example, example_features, parse_examples
from tiny_encoders import Levels

RATE = 2  # of `Levels`, whose windows last 2 s


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Ten seconds, each sample as loud as its number in hundredths."""
    path = tmp_path / "a, b [1].wav"
    soundfile.write(path, np.arange(20) / 100, RATE, subtype="FLOAT")
    return path


def embedder(gain_db: float = 0.0) -> Embedder:
    return Embedder(AudioReader(RATE), EncoderFrontend(Levels(), 0.5, gain_db))


def test_examples_are_parsed_from_text_and_lists(sound: Path) -> None:
    one, other = Example(sound, 3.5, 4.0), Example(sound, 0.0, 1.0)
    for text in f"{sound},3.5,4", f"{sound}, 3.5, 4.0":
        assert parse_examples(text) == [one]
    for several in (
        f"{sound},3.5,4,{sound},0,1",
        [f"{sound},3.5,4", f"{sound},0,1"],
        [str(sound), "3.5", "4", str(sound), 0, 1.0],
    ):
        assert parse_examples(several) == [one, other]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "example= is empty"),
        ("SOUND", "is no example; expected a file, a start and an end in s, such as call.wav"),
        ("SOUND,1", "is no example"),
        ("SOUND,1,2,x", "'x' is no example"),
        ("SOUND,2,1", r"2 to 1 s, is no stretch of that file, which lasts 10 s"),
        ("SOUND,9,11", r"is no stretch of that file, which lasts 10 s"),
        ("SOUND,1.2.3,4", r"1\.2\.3 to 4 are no times in s"),
        ("gone.wav,1,2", r"the example gone\.wav cannot be read: the file does not exist"),
    ],
)
def test_what_is_no_example_is_refused(sound: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_examples(text.replace("SOUND", str(sound)))


@pytest.mark.parametrize(
    ("t_min", "t_max", "firsts"),
    [
        (4.5, 5.5, [8]),  # 4 to 6 s
        (4.0, 6.0, [8]),
        (0.0, 0.5, [0]),  # there is no sound before
        (9.5, 10.0, [16]),
        (2.0, 5.0, [4, 6]),  # longer than a window
        (1.0, 10.0, [2, 4, 6, 8, 10, 12, 14, 16]),
    ],
)
def test_an_example_is_in_the_middle_of_a_window(
    sound: Path, t_min: float, t_max: float, firsts: list[int]
) -> None:
    found = example_features(embedder(gain_db=20.0), Example(sound, t_min, t_max))
    windows = torch.stack([torch.arange(first, first + 4) / 10 for first in firsts])
    torch.testing.assert_close(found, Levels()(windows))


def test_a_file_shorter_than_a_window_is_followed_by_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", [0.5, 0.25], RATE, subtype="FLOAT")
    found = example_features(embedder(), Example(tmp_path / "short.wav", 0.5, 1.0))
    torch.testing.assert_close(found, Levels()(torch.tensor([[0.5, 0.25, 0.0, 0.0]])))


def test_an_example_shares_time_with_windows_that_it_does_not_only_touch() -> None:
    example = Example(Path("a.wav"), 2.0, 3.0)
    t_min = np.array([0.0, 0.5, 2.5, 3.0])
    assert example.overlaps(t_min, t_min + 2).tolist() == [False, True, True, False]
