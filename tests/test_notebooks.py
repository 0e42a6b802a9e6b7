from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import rfcx_audio
from conftest import SMALL_FOREST

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    settings = next(cell for cell in notebook.cells if cell.source.startswith("folder = "))
    recipe = [f"data.source.recipe.{name}={value}" for name, value in SMALL_FOREST.items()]
    quick = [
        "data.source.workers=1",
        "trainer.max_epochs=1",
        "data.crops.crops_per_epoch=64",
        "data.num_workers=0",
        "frontend.n_mels=64",
    ]
    settings.source = f"folder = Path({str(tmp_path)!r})\noverrides = {recipe + quick!r}"
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(tmp_path))
    pictures = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 3


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
    assert {"train", "predict", "evaluate"} <= used <= set(rfcx_audio.__all__)
