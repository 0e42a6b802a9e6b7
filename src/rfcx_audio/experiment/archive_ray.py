"""`engine=ray`: actors of a Ray cluster, which hold the model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from rfcx_audio.experiment.scoring import FileScorer, Outcome

_PATIENCE_S = 300.0  # for the first actors to stand; the imports alone may take a minute
_RESTARTS = 3


class RayEngine:
    """Scores recordings in actors of a Ray cluster; they read the files themselves.

    Checkpoint and recordings must lie where every node finds them by the same path. Results come
    back to this process, which writes them.

    Args:
        address: of a running cluster, `auto` for the one that this machine belongs to; None: the
            one that `RAY_ADDRESS` names, or else a local one for the time of the run.
        num_actors: None: one for each free GPU; without any, one for each free core but one, which
            is left for Ray's other tasks, so that nothing waits for ever.
        num_threads: recordings that an actor works on at once: one is read while another computes.
    """

    def __init__(
        self, address: str | None = None, num_actors: int | None = None, num_threads: int = 2
    ) -> None:
        if num_threads < 1 or (num_actors is not None and num_actors < 1):
            raise ValueError(
                f"engine.num_threads = {num_threads} and engine.num_actors = {num_actors}; "
                "expected 1 or more"
            )
        self.address = address
        self.num_actors = num_actors
        self.num_threads = num_threads

    @cached_property
    def device_type(self) -> str:
        """`cuda` where the cluster has a free GPU, else `cpu`."""
        return "cuda" if self._connected().available_resources().get("GPU", 0) >= 1 else "cpu"

    def scorers(self, make: Callable[[str], FileScorer]) -> list[RayScorer]:
        """As many scorers as recordings can be worked on at once.

        Args:
            make: a scorer on a device; it is called in the actors.

        Raises:
            RuntimeError: the cluster has no room for a single actor.
        """
        ray, on_gpu = self._connected(), self.device_type == "cuda"
        free = ray.available_resources()
        usable = free.get("GPU", 0) if on_gpu else free.get("CPU", 0) - 1
        actor = ray.remote(_Actor).options(
            num_cpus=1,
            num_gpus=int(on_gpu),
            max_concurrency=self.num_threads,
            max_restarts=_RESTARTS,
            max_task_retries=_RESTARTS,
        )
        number = self.num_actors or max(1, int(usable))
        started = _standing(ray, [actor.remote(make, self.device_type) for _ in range(number)])
        return [RayScorer(ray, one) for one in started for _ in range(self.num_threads)]

    def _connected(self) -> Any:  # noqa: ANN401 (the module)
        """Ray, connected to its cluster.

        Raises:
            ImportError: it is not installed.
        """
        try:
            import ray  # noqa: PLC0415 (an extra that few have)
        except ImportError:
            raise ImportError(
                'engine=ray needs Ray, which is not installed: pip install "rfcx-audio[ray]"'
            ) from None
        if not ray.is_initialized():
            os.environ.setdefault(
                "RAY_USAGE_STATS_ENABLED", "0"
            )  # nothing is sent anywhere unasked
            ray.init(
                address=self.address,
                include_dashboard=None if self.address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        return ray


class RayScorer:
    """A thread of an actor.

    Args:
        ray: the module.
        actor: a handle of `_Actor`.
    """

    def __init__(self, ray: Any, actor: Any) -> None:  # noqa: ANN401
        self.ray = ray
        self.actor = actor

    def __call__(self, path: Path) -> Outcome:
        """What becomes of a file."""
        return self.ray.get(self.actor.score.remote(path.absolute()))

    def stop(self) -> None:
        """Ends the actor with all its threads."""
        self.ray.kill(self.actor)


class _Actor:
    def __init__(self, make: Callable[[str], FileScorer], device: str) -> None:
        self.scorer = make(device)

    def stands(self) -> bool:
        return True

    def score(self, path: Path) -> Outcome:
        torch.set_num_threads(1)
        return self.scorer(path)


def _standing(ray: Any, actors: Sequence[Any]) -> list[Any]:  # noqa: ANN401
    """The actors that the cluster has room for, which may be fewer than asked for.

    Raises:
        RuntimeError: it has room for none.
    """
    by_call = {actor.stands.remote(): actor for actor in actors}
    ready, _ = ray.wait(list(by_call), num_returns=len(by_call), timeout=_PATIENCE_S)
    if not ready:
        raise RuntimeError(
            f"no actor could start in {_PATIENCE_S:.0f} s, of {ray.cluster_resources()} there is "
            f"{ray.available_resources()} free; wait until the cluster has room"
        )
    ray.get(ready)  # raises what went wrong there
    return [by_call[call] for call in ready]
