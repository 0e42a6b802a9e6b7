"""Configuration; the only file that imports Hydra."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, cast

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import (
    CompactHydraException,
    HydraException,
    InstantiationException,
    MissingConfigException,
)
from hydra.experimental.callback import Callback as SweepCallback
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rfcx_audio.meant import meant, options_in
from rfcx_audio.path_words import quote_paths
from rfcx_audio.rates import at_rate, fft_length
from rfcx_audio.refusals import refusal
from rfcx_audio.renamed import renamed_keys
from rfcx_audio.short_words import spelled_out
from rfcx_audio.unsettled import unsettled

__all__ = [
    "CONF_DIR",
    "ConfigError",
    "DictConfig",
    "SweepCallback",
    "build",
    "config_text",
    "entry_point",
    "help_header",
    "in_multirun",
    "load_config",
    "parse_config",
    "suggestions",
    "variant",
]

_SHIPPED = Path(__file__).parent / "conf"
CONF_DIR = _SHIPPED if _SHIPPED.is_dir() else Path(__file__).parents[2] / "conf"
"""The folder of configuration groups: inside the package when installed from a wheel, otherwise
the checkout's."""


class ConfigError(ValueError):
    """Overrides that do not fit the configuration; the message suggests ones that do."""


_FULL_ERROR = "HYDRA_FULL_ERROR"
"""The variable with which Hydra raises errors in place of printing them."""

_EXTRAS = {
    "hydra/launcher/joblib": "sweep",
    "hydra/launcher/ray": "sweep-ray",
    "hydra/launcher/submitit_local": "sweep",
    "hydra/launcher/submitit_slurm": "sweep",
    "hydra/sweeper/optuna": "sweep",
}
"""The extra to install for each option that is not part of Hydra."""


def _out_or_run_folder(out: str | None) -> str:
    """The given folder, or Hydra's folder of this run."""
    return HydraConfig.get().runtime.output_dir if out is None else out


OmegaConf.register_new_resolver("out_or_run_folder", _out_or_run_folder, replace=True)
OmegaConf.register_new_resolver("at_rate", at_rate, replace=True)
OmegaConf.register_new_resolver("fft_length", fft_length, replace=True)


def load_config(
    name: str = "train", overrides: Sequence[str] = (), folder: Path = CONF_DIR
) -> DictConfig:
    """Composes a configuration without a command, for example in a notebook or a test.

    >>> config = rfcx_audio.load_config("train", ["model=densenet121", "trainer.max_epochs=5"])
    >>> config.trainer.max_epochs
    5

    Args:
        name: of a root file in `folder`, without its suffix.
        overrides: as on the command line, for example `["model=tiny", "loss=bce"]`.
        folder: of configuration, see `entry_point`.

    Raises:
        ConfigError: an override is malformed, or its key or option does not exist.
    """
    outdated = renamed_keys(name, overrides)
    if outdated:
        raise ConfigError("\n".join(outdated))
    overrides = spelled_out(name, quote_paths(overrides))
    try:
        return _composed(name, overrides, folder)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        lines = [str(error), *suggestions(name, overrides, folder)]
        raise ConfigError("\n".join(lines)) from None


def suggestions(name: str, overrides: Sequence[str], folder: Path = CONF_DIR) -> list[str]:
    """Suggestions for unknown keys and options, one line for each.

    Args:
        name: of a root file in `folder`, without its suffix.
        overrides: as on the command line; keys that are added (`+key=1`) may have any name.
        folder: of configuration, see `entry_point`.
    """
    options = options_in([folder, CONF_DIR])
    groups, keys, lines = [], [], []
    for word in overrides:
        key, _, value = word.partition("=")
        group = key.lstrip("+~").partition("@")[0]
        if group in options:
            wrong = [one for one in value.split(",") if one not in (*options[group], "null", "")]
            lines += [meant(one, options[group], f"{key}=") for one in wrong]
            groups += [] if wrong else [word]
        elif not key.startswith(("+", "-", "hydra")) and (value or key.startswith("~")):
            keys.append(group)
    try:
        choices = [word for word in groups if "," not in word]
        known = list(_keys(_composed(name, choices, folder)))
    except (HydraException, OmegaConfBaseException, ValueError):
        return lines
    return lines + [meant(key, [*known, *options]) for key in keys if key not in known]


def build(node: Any, **arguments: Any) -> Any:  # noqa: ANN401 (whatever `_target_` names)
    """Builds the object that a configuration node describes, with plain lists and dicts inside.

    >>> frontend = rfcx_audio.build(rfcx_audio.load_config("train").frontend)
    >>> type(frontend).__name__
    'LogMel'

    Args:
        node: a mapping with `_target_` and arguments; nested mappings are built first.
        arguments: further keyword arguments for the constructor.

    Raises:
        ConfigError: the data have to decide something first, see `settle`.
    """
    # Of a resolved copy: Hydra resolves what a node refers to in place, so that later changes of
    # the configuration (`variant`) would not reach it.
    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    missing = unsettled(plain)
    if missing is not None:
        raise ConfigError(missing)
    return instantiate(plain, _convert_="all", **arguments)


def config_text(config: DictConfig) -> str:
    """The configuration as YAML with every interpolation resolved.

    Raises:
        ConfigError: an interpolation refers to a missing key.
    """
    try:
        return OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(str(error)) from None


def parse_config(text: str, changes: dict[str, Any] | None = None) -> DictConfig:
    """The inverse of `config_text`, with some values changed.

    Args:
        text: YAML.
        changes: new values by dotted key, for example `{"model.encoder.pretrained": False}`.
    """
    return variant(cast("DictConfig", OmegaConf.create(text)), changes or {})


def variant(config: DictConfig, changes: dict[str, Any]) -> DictConfig:
    """A copy of a composed configuration with some values changed; interpolations follow them.

    Args:
        config: as composed, with its interpolations.
        changes: new values by dotted key, for example `{"data.folds.held_out": 2}`.
    """
    copy = config.copy()
    for key, value in changes.items():
        OmegaConf.update(copy, key, value, merge=not isinstance(value, list))
    return copy


def help_header(name: str) -> str:
    """What the help of a command begins with: a line on what it does, examples, the main options.

    Args:
        name: of a root file in `conf/`, without its ending.
    """
    root = cast("DictConfig", OmegaConf.load(CONF_DIR / f"{name}.yaml"))
    return str(root.hydra.help.header)


def entry_point(
    name: str, folder: Path = CONF_DIR
) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Decorates a function of a configuration as a command with overrides and multirun.

    Args:
        name: of the root file in `folder`.
        folder: of configuration. Files that are missing there are taken from the library's folder,
            so that another package can have its own roots and groups and share the others.
    """

    def decorate(task: Callable[[DictConfig], Any]) -> Callable[[], None]:
        shortened = _FULL_ERROR not in os.environ
        run = hydra.main(version_base="1.3", config_path=str(folder), config_name=name)(
            _explained(task) if shortened else task
        )

        @wraps(task)
        def command() -> None:
            _search_library_after(folder)
            outdated = renamed_keys(name, sys.argv[1:])
            if outdated:
                raise SystemExit("\n".join(outdated))
            sys.argv[1:] = spelled_out(name, quote_paths(sys.argv[1:]))
            os.environ[_FULL_ERROR] = "1"  # until the task begins
            # It logs the fonts that it finds, where Hydra first imports the callbacks of a sweep.
            logging.getLogger("matplotlib").setLevel(logging.WARNING)
            try:
                run()
            except BrokenPipeError:
                if "--help" not in sys.argv:
                    raise
                # The pipe is closed, as by `| head`: Python must not flush the rest at its end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            except HydraException as error:
                raise SystemExit(_answer(error, name, folder)) from None
            except OSError as error:  # of the folder that Hydra makes
                sentence = refusal(error) if shortened else None
                if sentence is None:
                    raise
                raise SystemExit(sentence) from None

        return command

    return decorate


def _explained(task: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """The task, whose refusals are a sentence without a traceback."""

    @wraps(task)
    def explained(config: DictConfig) -> Any:  # noqa: ANN401 (what the task returns)
        os.environ.pop(_FULL_ERROR, None)
        try:
            return task(config)
        except Exception as error:
            cause = error.__cause__ if isinstance(error, InstantiationException) else error
            sentence = refusal(cause or error)
            if sentence is None:
                raise
            # A multirun goes on with its next job, and fails in the end.
            end = CompactHydraException if in_multirun() else SystemExit
            raise end(sentence) from None

    return explained


def _answer(error: HydraException, name: str, folder: Path) -> str:
    """What Hydra prints of an error, and how to mend it: an extra to install, or similar names."""
    missing = getattr(error, "missing_cfg_file", None)
    if isinstance(error, MissingConfigException) and missing in _EXTRAS:
        return (
            f"{missing} comes with an extra that is not installed: "
            f'pip install "rfcx-audio[{_EXTRAS[missing]}]"'
        )
    cause = error.__cause__
    lines = [str(error), *([str(cause)] if isinstance(cause, OmegaConfBaseException) else [])]
    return "\n".join([*lines, *suggestions(name, sys.argv[1:], folder)])


def in_multirun() -> bool:
    """Whether this is one job of a multirun."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


class _LibraryLast(SearchPathPlugin):
    """Adds the library's folder to the end of the configuration search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("rfcx_audio", f"file://{CONF_DIR}")


def _search_library_after(folder: Path) -> None:
    if folder != CONF_DIR:
        Plugins.instance().register(_LibraryLast)


def _composed(name: str, overrides: Sequence[str], folder: Path) -> DictConfig:
    _search_library_after(folder)
    # Hydra is there once: a command that composes the configuration of another sets its own aside.
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(folder), version_base="1.3"):
            return compose(config_name=name, overrides=list(overrides))
    finally:
        GlobalHydra.instance().hydra = running


def _keys(node: DictConfig, above: str = "") -> Iterator[str]:
    """All dotted keys of a configuration."""
    for key, value in node.items_ex(resolve=False):
        yield f"{above}{key}"
        if isinstance(value, DictConfig) and not value._is_none():
            yield from _keys(value, f"{above}{key}.")
