"""`engine=ray`: Ray Data, whose actors hold the model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from rfcx_audio.hardware import usable_cores
from rfcx_audio.scoring.archive.scorer import FileScorer, FileScores, Outcome

_TOGETHER = 32  # recordings that an actor on a GPU works on at once
_READERS = 8  # threads that read for it


def num_actors_for(
    free: Mapping[str, float], wanted: int | None = None, gpu_share: float = 0.0
) -> int:
    """How many actors score at once.

    Args:
        free: resources of the cluster.
        wanted: None: as many as there is room for.
        gpu_share: of a GPU for each.

    Raises:
        RuntimeError: there is no room for so many, or for a single one.
    """
    room = int(free.get("CPU", 0)) - 1
    if gpu_share:
        room = min(room, int(free["GPU"] / gpu_share))
    number = room if wanted is None else wanted
    if not 1 <= number <= room:
        raise RuntimeError(
            f"engine.num_actors = {wanted} does not fit: the Ray cluster has room for {room} "
            f"(free: {dict(free)}; one core stays for the tasks that hand out the recordings); "
            "choose fewer, or wait until it has room"
        )
    return number


class RayEngine:
    """Scores recordings in actors of a Ray cluster; they read the files themselves.

    Checkpoint and recordings must lie where every node finds them by the same path. Results come
    back to this process, which writes them.

    Args:
        address: of a running cluster, `auto` for the one that this machine belongs to; None: the
            one that `RAY_ADDRESS` names, or else a local one for the time of the run.
        num_actors: None: as many as there is room for. Each takes a core, and at least one core
            must be left for the tasks that hand out the recordings, or all wait for ever.
        gpu_share: of a GPU for each actor, if the cluster has any; with a half, one actor reads
            while the other computes. On a GPU an actor works on 32 recordings at once, and gives
            them back together.
    """

    def __init__(
        self, address: str | None = None, num_actors: int | None = None, gpu_share: float = 0.5
    ) -> None:
        self.address = address
        self.num_actors = num_actors
        self.gpu_share = gpu_share

    @cached_property
    def device_type(self) -> str:
        """`cuda` where the cluster has a free GPU, else `cpu`."""
        return "cuda" if self._connected().available_resources().get("GPU", 0) >= 1 else "cpu"

    def outcomes(
        self, make: Callable[[str, int], FileScorer], paths: Mapping[str, Path]
    ) -> Generator[tuple[str, Outcome]]:
        """What becomes of recordings, see `Engine`.

        Raises:
            RuntimeError: the cluster has no room for so many actors.
        """
        ray = self._connected()
        on_gpu = self.device_type == "cuda"
        share = self.gpu_share if on_gpu else 0
        number = num_actors_for(ray.available_resources(), self.num_actors, share)
        # One recording a block, so that none waits for others, unless they share the batches of a
        # GPU. They are known by their numbers, which cost nothing, however many there are.
        together = _TOGETHER if on_gpu else 1
        numbers = ray.data.range(len(paths), override_num_blocks=ceil(len(paths) / together))
        found = numbers.map_batches(
            _Actor,
            batch_size=together,
            fn_constructor_args=(
                make,
                self.device_type,
                [str(path.absolute()) for path in paths.values()],
            ),
            compute=ray.data.ActorPoolStrategy(size=number),
            num_cpus=1,
            num_gpus=share,
        )
        names = list(paths)
        for batch in found.iter_batches(batch_size=None, prefetch_batches=0):
            for index, *packed in zip(*batch.values(), strict=True):
                yield names[index], _unpacked(*packed)

    def _connected(self) -> Any:  # noqa: ANN401 (the module)
        """Ray, connected to its cluster.

        Raises:
            ImportError: it is not installed.
        """
        try:
            import ray  # noqa: PLC0415 (an extra that few have)
            import ray.data  # noqa: PLC0415
        except ImportError:
            raise ImportError(
                'engine=ray needs Ray, which is not installed: pip install "rfcx-audio[ray]"'
            ) from None
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent unasked
            begins = {} if self.address or os.environ.get("RAY_ADDRESS") else _own_cluster()
            ray.init(
                address=self.address, log_to_driver=False, logging_level=logging.ERROR, **begins
            )
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            ray.data.DataContext.get_current().enable_progress_bars = False  # there is another
        return ray


def _own_cluster() -> dict[str, Any]:
    # An actor and the tasks that hand out need a core each, if only in name.
    return {"include_dashboard": False, "num_cpus": max(2, usable_cores())}


class _Actor:
    def __init__(
        self, make: Callable[[str, int], FileScorer], device: str, paths: Sequence[str]
    ) -> None:
        self.scorer = make(device, _READERS if device == "cuda" else 1)
        self.paths = paths
        self.pool = ThreadPoolExecutor(_TOGETHER)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        paths = [Path(self.paths[int(number)]) for number in batch["id"]]
        outcomes = [_packed(outcome) for outcome in self.pool.map(self.scorer, paths)]
        return {"id": batch["id"]} | {
            name: [outcome[name] for outcome in outcomes] for name in outcomes[0]
        }


def _packed(outcome: Outcome) -> dict[str, str | bytes]:
    """An outcome as Ray Data can carry it, to the last bit."""
    if isinstance(outcome, str):
        return {"reason": outcome, "starts_s": b"", "scores": b""}
    starts_s, scores = outcome
    return {"reason": "", "starts_s": starts_s.tobytes(), "scores": scores.tobytes()}


def _unpacked(reason: str, starts_s: bytes, scores: bytes) -> Outcome:
    if reason:
        return reason
    times = np.frombuffer(starts_s)
    return FileScores(times, np.frombuffer(scores, np.float32).reshape(len(times), -1))
