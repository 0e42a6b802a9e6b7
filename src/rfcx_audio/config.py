"""Configuration: the only file that knows Hydra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, cast

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import MissingConfigException
from hydra.experimental.callback import Callback as SweepCallback
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

__all__ = [
    "CONF_DIR",
    "DictConfig",
    "SweepCallback",
    "build",
    "config_text",
    "entry_point",
    "in_multirun",
    "load_config",
    "parse_config",
    "variant",
]

_SHIPPED = Path(__file__).parent / "conf"
CONF_DIR = _SHIPPED if _SHIPPED.is_dir() else Path(__file__).parents[2] / "conf"
"""The folder of configuration groups: inside the package when installed from a wheel, otherwise
the checkout's."""


_EXTRAS = {
    "hydra/launcher/joblib": "sweep",
    "hydra/launcher/ray": "sweep-ray",
    "hydra/launcher/submitit_local": "sweep",
    "hydra/launcher/submitit_slurm": "sweep",
    "hydra/sweeper/optuna": "sweep",
}
"""What has to be installed for choices that Hydra itself does not have."""


def load_config(name: str = "train", overrides: Sequence[str] = ()) -> DictConfig:
    """The composed configuration, as a notebook or a test wants it.

    Args:
        name: of a root file in `conf/`, without its ending.
        overrides: as on the command line, for example `["model=tiny", "loss=bce"]`.
    """
    with initialize_config_dir(config_dir=str(CONF_DIR), version_base="1.3"):
        return compose(config_name=name, overrides=list(overrides))


def build(node: Any, **arguments: Any) -> Any:  # noqa: ANN401 (whatever `_target_` names)
    """What a configuration node describes, with plain lists and dicts inside.

    Args:
        node: a mapping with `_target_` and arguments; nested mappings are built first.
        arguments: further keyword arguments for the constructor.
    """
    return instantiate(node, _convert_="all", **arguments)


def config_text(config: DictConfig) -> str:
    """The configuration as YAML with every interpolation resolved."""
    return OmegaConf.to_yaml(config, resolve=True)


def parse_config(text: str, changes: dict[str, Any] | None = None) -> DictConfig:
    """The inverse of `config_text`, with some values changed.

    Args:
        text: YAML.
        changes: new values by dotted key, for example `{"model.encoder.pretrained": False}`.
    """
    return variant(cast("DictConfig", OmegaConf.create(text)), changes or {})


def variant(config: DictConfig, changes: dict[str, Any]) -> DictConfig:
    """A copy of a composed configuration with some values changed; what points to them follows.

    Args:
        config: as composed, with its interpolations.
        changes: new values by dotted key, for example `{"data.folds.held_out": 2}`.
    """
    copy = config.copy()
    for key, value in changes.items():
        OmegaConf.update(copy, key, value)
    return copy


def entry_point(name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Makes a function of a configuration into a command with overrides and multirun.

    Args:
        name: of the root file in `conf/`.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        run = hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=name)(task)

        @wraps(task)
        def command() -> None:
            try:
                run()
            except SystemExit as end:
                # Hydra has printed what it could not find, but not how to get it.
                cause = end.__context__
                missing = getattr(cause, "missing_cfg_file", None)
                if isinstance(cause, MissingConfigException) and missing in _EXTRAS:
                    raise SystemExit(
                        f"{missing} comes with an extra that is not installed: "
                        f'pip install "rfcx-audio[{_EXTRAS[missing]}]"'
                    ) from None
                raise

        return command

    return decorate


def in_multirun() -> bool:
    """Whether this is one job of a multirun."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
