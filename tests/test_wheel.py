from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
WEIGHTS = {
    *(".bin", ".ckpt", ".h5", ".keras", ".npy", ".npz", ".onnx", ".pb", ".pkl", ".pt", ".pt2"),
    *(".pth", ".safetensors", ".tflite", ".zip"),
}
"""Endings of files of weights. None are committed or shipped: licences forbid it."""


def test_no_weights_are_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("no checkout of git, which would list the committed files")
    files = [CHECKOUT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    assert CHECKOUT / "pyproject.toml" in files
    assert _weights(files) == []


def _weights(files: Iterable[Path]) -> list[Path]:
    """Those whose ending, or TFLite's mark at byte 4, is that of weights."""
    there = [path for path in files if path.is_file()]
    return [
        path
        for path in there
        if path.suffix.lower() in WEIGHTS or path.read_bytes()[4:8] == b"TFL3"
    ]


@pytest.mark.slow
def test_the_configuration_works_from_a_wheel_in_an_empty_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(CHECKOUT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    top = {path.name.split("-")[0] for path in (tmp_path / "site").iterdir()}
    assert top == {"rfcx_audio"}  # no studies, no benchmarks, no tests
    assert not list((tmp_path / "site").rglob("*stud*"))
    assert _weights((tmp_path / "site").rglob("*")) == []
    served = {path.name for path in (tmp_path / "site/rfcx_audio/page/static").iterdir()}
    assert {"index.html", "review.js", "review.css"} <= served  # the page is no Python
    (scripts,) = (tmp_path / "site").glob("*.dist-info/entry_points.txt")
    assert scripts.read_text().split("\n")[:2] == [
        "[console_scripts]",
        "rfcx-audio = rfcx_audio.cli:main",
    ]
    (tmp_path / "empty").mkdir()
    # What an installer writes for the script.
    script = "import sys; from rfcx_audio.cli import main; sys.exit(main())"
    for command in (["-c", script, "train"], ["-m", "rfcx_audio.train"]):
        done = subprocess.run(
            [sys.executable, *command, "model=densenet121", "--cfg", "job"],
            cwd=tmp_path / "empty",
            env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "name: densenet121" in done.stdout
    where = subprocess.run(
        [sys.executable, "-c", "import rfcx_audio.config as c; print(c.CONF_DIR)"],
        cwd=tmp_path / "empty",
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(tmp_path / "site" / "rfcx_audio" / "conf")
