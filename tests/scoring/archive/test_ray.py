from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from archives import predict, predict_with_ray, write_checkpoint, write_recordings
from preloaded import beside
from rfcx_audio.scoring.archive import RayEngine
from rfcx_audio.scoring.archive.ray import num_actors_for

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
        words = [f"checkpoint={checkpoint}", f"recordings={tmp_path}/audio", "tta=2", "smooth=3"]
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
        _ = RayEngine().device_type


@pytest.mark.parametrize(
    ("num_actors", "free", "expected"),
    [
        (None, {"CPU": 16.0}, 15),  # a core stays for the tasks that hand out
        (3, {"CPU": 16.0}, 3),
        (None, {"CPU": 16.0, "GPU": 2.0}, 4),  # two on each
        (None, {"CPU": 4.0, "GPU": 8.0}, 3),
    ],
)
def test_there_are_as_many_actors_as_there_is_room_for(
    num_actors: int | None, free: dict[str, float], expected: int
) -> None:
    share = 0.5 if "GPU" in free else 0.0
    assert num_actors_for(free, num_actors, share) == expected


@pytest.mark.parametrize(("num_actors", "free"), [(2, 2.0), (0, 2.0), (None, 1.0)])
def test_what_would_wait_for_ever_is_refused(num_actors: int | None, free: float) -> None:
    with pytest.raises(RuntimeError, match=rf"has room for {free - 1:.0f} "):
        num_actors_for({"CPU": free}, num_actors)
