from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from rfcx_audio.commands.encoder_file import check_encoder
from rfcx_audio.encoders import EncoderFileError, EncoderFrontend, OnnxEncoder


def with_frontend(frontend: object) -> Any:
    return SimpleNamespace(frontend=frontend)


def test_a_missing_file_is_named_with_the_option_that_gives_another(tmp_path: Path) -> None:
    missing = OnnxEncoder(str(tmp_path / "gone.onnx"), 8_000, 0.5, sha256="0", num_features=3)
    with pytest.raises(EncoderFileError, match=r"gone\.onnx does not exist.*encoder_file=…"):
        check_encoder(with_frontend(EncoderFrontend(missing, 0.25)))


def test_a_network_on_spectrograms_needs_no_file() -> None:
    check_encoder(with_frontend(nn.Identity()))
