from __future__ import annotations

from pathlib import Path

from rfcx_audio.meant import meant, options_in


def test_similar_names_are_suggested() -> None:
    known = ["model.encoder.name", "model.head.name", "seed"]
    assert meant("model.head.nam", known) == (
        "model.head.nam does not exist; did you mean model.head.name, model.encoder.name?"
    )
    assert meant("qqq", ["seed"], "loss=") == "loss=qqq does not exist; see --help"


def test_options_are_the_files_of_groups(tmp_path: Path) -> None:
    for name in ("root.yaml", "loss/bce.yaml", "model/head/sed.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert options_in([tmp_path, tmp_path]) == {"loss": ["bce"], "model/head": ["sed"]}
