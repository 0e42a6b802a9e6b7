from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
import torch
from nbclient import NotebookClient
from torch import Tensor, nn

import rfcx_audio
from conftest import SMALL_FOREST
from tiny_encoders import write_onnx

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
ANY_ENCODER = next(path for path in NOTEBOOKS if path.stem == "03_any_encoder")
ON_FOREST = [path for path in NOTEBOOKS if path != ANY_ENCODER]


@pytest.mark.slow
@pytest.mark.parametrize("path", ON_FOREST, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    recipe = [f"data.source.recipe.{name}={value}" for name, value in SMALL_FOREST.items()]
    quick = [
        "data.source.workers=1",
        "trainer.max_epochs=1",
        "data.crops.crops_per_epoch=64",
        "data.num_workers=0",
        "frontend.n_mels=64",
    ]
    words = f"folder = Path({str(tmp_path)!r})\noverrides = {recipe + quick!r}"
    assert pictures_of(path, words, tmp_path) >= 3


def pictures_of(path: Path, settings: str, folder: Path) -> int:
    """Runs a notebook in a folder, with other settings; the number of its pictures."""
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.source.startswith("folder = "))
    cell.source = settings
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(folder))
    outputs = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    return len(outputs)


RATE = 16_000  # of the sounds of the notebook on encoders, whose windows last a second


class Tones(nn.Module):
    """The level of many tones in windows at `RATE`, in nepers."""

    def __init__(self) -> None:
        super().__init__()
        cycles = torch.linspace(0.01, 0.48, 128)  # a sample
        phase = 2 * torch.pi * cycles[:, None] * torch.arange(200)
        self.register_buffer("waves", torch.cat([phase.cos(), phase.sin()])[:, None])

    def forward(self, waveform: Tensor) -> Tensor:
        parts = nn.functional.conv1d(waveform[:, None], self.waves, stride=200)
        return (parts.unflatten(1, (2, -1)).square().sum(1).mean(2) + 1e-3).log()


def write_tones(folder: Path) -> None:
    """Twelve recordings of 6 s, with a tone of 800 Hz in half of them and of 5 kHz in the others.

    Of the first eight, Raven's tables have the tone's place; the last four have no table.
    """
    folder.mkdir()
    time_s = np.arange(6 * RATE) / RATE
    header = "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies"
    for number in range(12):
        name, frequency = (("Low toad", 800), ("High bird", 5000))[number % 2]
        t_min = 1.0 + 0.4 * (number % 7)
        sound = np.random.default_rng(number).normal(0, 0.01, len(time_s))
        here = (time_s > t_min) & (time_s < t_min + 1.0)
        sound[here] += 0.5 * np.sin(2 * np.pi * frequency * time_s[here])
        soundfile.write(folder / f"site{number:02}.wav", sound, RATE)
        if number < 8:
            row = f"1\t{t_min}\t{t_min + 1}\t{frequency - 50}\t{frequency + 50}\t{name}"
            (folder / f"site{number:02}.selections.txt").write_text(f"{header}\n{row}\n")


@pytest.mark.slow
def test_any_encoder_goes_from_raven_tables_to_detections_in_few_lines(tmp_path: Path) -> None:
    write_tones(tmp_path / "recordings")
    file = write_onnx(tmp_path / "tones.onnx", Tones(), samples=RATE)
    words = [
        *("model/encoder=onnx", f"model.encoder.file={file}"),
        *(f"model.encoder.sample_rate={RATE}", "model.encoder.window_s=1.0"),
    ]
    places = [f"{name} = Path({str(tmp_path / name)!r})" for name in ("folder", "recordings")]
    assert pictures_of(ANY_ENCODER, "\n".join([*places, f"encoder = {words}"]), tmp_path) == 1
    scores = rfcx_audio.Scores.read(tmp_path / "folder" / "scores" / "scores.parquet").pool()
    assert len(scores.recordings) == 12
    columns = [("High bird", "Low toad").index(name) for name in scores.species]
    calls = np.array([[(number % 2 == 1), (number % 2 == 0)] for number in range(12)])
    present, values = calls[:, columns], scores.values
    for number in range(2):  # also of the recordings that have no table
        assert values[present[:, number], number].min() > values[~present[:, number], number].max()
    cells = [cell for cell in nbformat.read(ANY_ENCODER, 4).cells if cell.cell_type == "code"]
    code = "\n".join(cell.source for cell in cells).replace("%matplotlib inline", "")
    assert len(ast.parse(code).body) < 15


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_the_library_and_defines_nothing(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert "def " not in cell.source
            assert "class " not in cell.source
            assert not cell.outputs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_only(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    nodes = list(ast.walk(ast.parse("\n".join(cells).replace("%matplotlib inline", ""))))
    modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    assert not [module for module in modules if module and module.startswith("rfcx_audio")]
    used = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "rfcx_audio"
    }
    expected = {"embed", "detect"} if path == ANY_ENCODER else {"evaluate"}
    assert {"train", "predict"} | expected <= used <= set(rfcx_audio.__all__)
