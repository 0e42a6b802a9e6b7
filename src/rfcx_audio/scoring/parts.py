"""Parts from their descriptions, without Hydra, and of this library's classes only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

Part = TypeVar("Part")

# What a checkpoint or an artefact may name: all public parts of some rooms, single ones of others.
# Nothing here runs code, fetches anything or writes a file for the arguments that pass below.
_WHOLE_ROOMS = ("rfcx_audio.frontend", "rfcx_audio.model")
_SINGLE_PARTS = (
    "rfcx_audio.data.AudioReader",
    "rfcx_audio.data.rfcx_templates",
    "rfcx_audio.data.species_classes",
    "rfcx_audio.encoders.EncoderFrontend",
    "rfcx_audio.encoders.OnnxEncoder",
    "rfcx_audio.encoders.TFLiteEncoder",
    "rfcx_audio.scoring.CheckpointEncoder",
    "rfcx_audio.scoring.SlidingWindows",
    "torch.nn.Identity",
)
_RUNS_CODE = "rfcx_audio.encoders.TorchEncoder"
# Where parts that older files name by another path are now.
_MOVED = {"rfcx_audio.inference.SlidingWindows": "rfcx_audio.scoring.SlidingWindows"}
# Arguments by which timm would read or fetch weights of its own.
_FORBIDDEN = ("checkpoint_path", "cache_dir", "pretrained_cfg", "pretrained_cfg_overlay")
_TARGET, _PARTIAL = "_target_", "_partial_"


class PartError(ValueError):
    """A description that this library does not understand, or does not dare to follow."""


def build_part(node: object, kind: type[Part]) -> Part:
    """What a description describes, as `rfcx_audio.config.build` would make it.

    Args:
        node: plain JSON: mappings with `_target_`, a dotted path, and arguments; `_partial_: true`
            for what lacks an argument. `pretrained` must be false: the weights come with the file.
        kind: of part that is expected.

    Raises:
        PartError: a path names anything but a public part of this library, the arguments are not
            those of the part, or it is of another kind.
        ValueError: the part refuses its arguments.
    """
    part = _built(node)
    if not isinstance(part, kind):
        found = type(part).__name__
        raise PartError(f"a {kind.__name__} is expected here, {node!r} describes a {found}")
    return part


def allowed_part(path: object) -> Callable[..., Any]:
    """The class or function of a dotted path, if descriptions may name it.

    Raises:
        PartError: they may not, or there is no such thing.
    """
    path = current_path(str(path))
    room, _, name = path.rpartition(".")
    if path in _SINGLE_PARTS or (
        room in _WHOLE_ROOMS and name in vars(import_module(room))["__all__"]
    ):
        return getattr(import_module(room), name)
    if path == _RUNS_CODE:
        raise PartError(
            f"{path} imports a module and so runs its code, which no file may ask for. With a "
            "checkpoint, make the encoder yourself, if you trust that module, and give it: "
            "rfcx_audio.load(checkpoint, encoder=my_encoder); search takes no encoder of yours"
        )
    raise PartError(
        f"_target_ {path!r} is not one of the parts that a file may name: the public names of "
        f"{' and '.join(_WHOLE_ROOMS)}, {', '.join(_SINGLE_PARTS)}; a part of your own belongs "
        "into one of these rooms, and a file that names anything else is not to be trusted"
    )


def current_path(path: str) -> str:
    """The dotted path of a part, which may have moved since a file was written."""
    return _MOVED.get(path, path)


def current_config(text: str) -> str:
    """The text of a configuration that names moved parts by their paths of today."""
    paths = "|".join(map(re.escape, _MOVED))
    moved = rf"(?<=\b{_TARGET}: )({paths})(?=\s|$)"
    return re.sub(moved, lambda found: current_path(found[0]), text)


def _built(node: Any) -> Any:  # noqa: ANN401 (plain JSON in, whatever it describes out)
    if isinstance(node, list):
        return [_built(value) for value in node]
    if not isinstance(node, Mapping):
        return node
    arguments = {key: _harmless(key, _built(value)) for key, value in node.items()}
    if _TARGET not in arguments:
        return arguments
    make, lacks_some = allowed_part(arguments.pop(_TARGET)), arguments.pop(_PARTIAL, False)
    if lacks_some:
        return partial(make, **arguments)
    try:
        return make(**arguments)
    except (TypeError, AttributeError) as error:
        raise PartError(f"{node[_TARGET]} does not take these arguments: {error}") from error


def _harmless(key: str, value: Any) -> Any:  # noqa: ANN401 (plain JSON)
    """An argument as it may pass.

    Raises:
        PartError: it may not.
    """
    if key in _FORBIDDEN or (key == "pretrained" and value is not False):
        raise PartError(f"{key} = {value!r} would read weights from another place; remove it")
    if key.startswith("_") and key not in (_TARGET, _PARTIAL):
        raise PartError(f"the key {key!r} means nothing here; expected {_TARGET} or {_PARTIAL}")
    return value
