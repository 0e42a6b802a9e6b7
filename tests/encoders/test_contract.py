from __future__ import annotations

import copy
import hashlib
import pickle
from pathlib import Path

import pytest
import torch

from rfcx_audio.encoders import EncoderFileError, file_sha256
from tiny_encoders import Levels


def test_windows_of_another_shape_are_refused() -> None:
    for shape in [(2, 5), (4,), (1, 2, 4)]:
        with pytest.raises(ValueError, match=r"takes \(batch, 4\), 2 s at 2 Hz"):
            Levels()(torch.zeros(shape))


def test_no_window_gives_no_features() -> None:
    assert Levels()(torch.zeros(0, 4)).shape == (0, 3)


def test_windows_of_any_precision_give_features_in_float32_without_gradients() -> None:
    windows = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
    found = Levels()(windows)
    assert found.dtype == torch.float32
    assert not found.requires_grad


def test_what_nothing_is_known_of_is_empty() -> None:
    assert Levels().species == ()
    assert Levels().licence is None
    assert Levels().window_s == 2.0


def test_a_copy_is_made_from_the_settings_without_what_was_loaded() -> None:
    encoder = Levels(offset=2.0)
    encoder.session = lambda: None  # which cannot be pickled
    for made in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):  # noqa: S301
        assert made.settings == {"offset": 2.0}
        assert not hasattr(made, "session")
    assert "offset=2.0" in repr(encoder)


def test_the_description_has_the_settings_and_what_follows_from_the_file() -> None:
    assert Levels(1.0).described() == {
        "_target_": "tiny_encoders.Levels",
        "offset": 1.0,
        "sha256": "0" * 64,
        "num_features": 3,
    }


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"birds" * 100_000)
    assert file_sha256(path) == hashlib.sha256(b"birds" * 100_000).hexdigest()
    with pytest.raises(EncoderFileError, match="missing cannot be read"):
        file_sha256(tmp_path / "missing")
