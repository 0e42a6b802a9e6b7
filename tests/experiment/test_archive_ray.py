from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from archives import beside, predict, predict_with_ray, write_checkpoint, write_recordings
from rfcx_audio.experiment import RayEngine

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason='pip install "rfcx-audio[ray]"'
)


@needs_ray
@pytest.mark.slow
def test_ray_and_local_give_the_same_bytes(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path)
    write_recordings(tmp_path / "audio", 10, broken=[4])
    for engine in predict, predict_with_ray:
        out = tmp_path / engine.__name__
        words = [f"checkpoint={checkpoint}", f"recordings={tmp_path}/audio"]
        folders = [f"paths.output_dir={out}", f"hydra.run.dir={out}/hydra"]
        # In processes of their own: Ray leaves children behind when it is taken away.
        process = beside(engine, *words, *folders)
        process.join()
        assert process.exitcode == 0
    for name in ("scores.parquet", "submission.csv", "failures.csv", "settings.json"):
        one, other = (tmp_path / folder / name for folder in ("predict", "predict_with_ray"))
        assert one.read_bytes() == other.read_bytes()
    assert "a/04" in one.with_name("failures.csv").read_text()


def test_where_ray_is_absent_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'pip install "rfcx-audio\[ray\]"'):
        RayEngine().scorers(lambda device: None)  # pyright: ignore[reportArgumentType]


def test_no_actor_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"engine\.num_actors = 0; expected 1 or more"):
        RayEngine(num_actors=0)
