"""Pretrained weights for a timm model: from a local file, the hub's cache, or the hub."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

import timm
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

FILE_ENDINGS = (".safetensors", ".pth", ".bin")
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_LONGEST_REASON = 600  # characters; torch lists every key of a file that does not fit


class PretrainedWeightsError(RuntimeError):
    """Weights that were asked for cannot be had, or do not fit the model."""


class HubWeightsMissingError(PretrainedWeightsError):
    """The hub's weights of a model are out of reach.

    Args:
        reason: why, in a few words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UntrainedEncoderWarning(UserWarning):
    """An encoder starts from random weights, which was not asked for."""


def load_backbone(
    name: str, in_chans: int, pretrained: bool | str, options: Mapping[str, Any]
) -> tuple[nn.Module, str]:
    """A timm model without its classifier, and where its weights come from.

    Args:
        name: a model of timm, with or without the tag of its weights.
        in_chans: channels of the spectrogram. The first convolution of weights that were made for
            three is adapted as timm does: for one channel it is summed over the three.
        pretrained: `"auto"`, `True`, `False` or a file, see `Encoder`.
        options: further arguments of `timm.create_model`.

    Returns:
        The model, and for example `"hub:densenet121.ra_in1k"`, `"file:mine.safetensors"`,
        `"random"` or `"random (hub unreachable)"`.

    Raises:
        PretrainedWeightsError: `pretrained` is `True` or a file, and these weights cannot be had;
            or there are weights, and they do not fit the model.
    """
    options = {"in_chans": in_chans, "num_classes": 0, "global_pool": "", **options}
    if pretrained is False:
        return timm.create_model(name, **options), "random"
    if isinstance(pretrained, str) and pretrained != "auto":
        file = Path(pretrained)
        if file.suffix not in FILE_ENDINGS or not file.is_file():
            raise PretrainedWeightsError(
                f"pretrained = {pretrained!r} is not a file that ends in "
                f"{', '.join(FILE_ENDINGS)}; expected such a file, auto, true or false"
            )
        return _from_file(name, file, options), f"file:{file.name}"
    try:
        file, source = hub_weights(name)
    except HubWeightsMissingError as missing:
        remedy = (
            "to mend it, set model.encoder.pretrained to a local file of weights or, if random "
            "ones are meant, to false"
        )
        if pretrained is True:
            raise PretrainedWeightsError(
                f"no pretrained weights for {name!r}: {missing.reason}; {remedy}"
            ) from missing
        warnings.warn(
            f"{name!r} starts from RANDOM weights and will score lower: {missing.reason}; {remedy}",
            UntrainedEncoderWarning,
            stacklevel=3,
        )
        return timm.create_model(name, **options), f"random ({missing.reason})"
    return _from_file(name, file, options), f"hub:{source}"


def hub_weights(name: str) -> tuple[Path, str]:
    """The file of a model's pretrained weights, and their name; downloaded if need be.

    The cache is asked before the hub, and the hub is only asked for a file once it has answered at
    all: its own client would retry for most of a minute.

    Raises:
        HubWeightsMissingError: timm knows of none, or they are neither in the cache nor to be had.
    """
    known = timm.get_pretrained_cfg(name)
    if known is None or not known.hf_hub_id:
        raise HubWeightsMissingError("timm has no weights")
    source = f"{known.architecture}.{known.tag}"
    repository, _, revision = known.hf_hub_id.partition("@")
    for filename in _HUB_FILES:
        cached = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached), source
    if constants.HF_HUB_OFFLINE:
        raise HubWeightsMissingError("hub switched off, HF_HUB_OFFLINE")
    if not hub_answers():
        raise HubWeightsMissingError("hub unreachable")
    for filename in _HUB_FILES:
        try:
            return Path(hf_hub_download(repository, filename, revision=revision or None)), source
        except LocalEntryNotFoundError as error:  # the connection broke down; it is also the next
            raise HubWeightsMissingError("hub unreachable") from error
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError) as error:
            raise HubWeightsMissingError(f"hub refused, {type(error).__name__}") from error
    raise HubWeightsMissingError("hub has no file of weights")


def hub_answers(timeout_s: float = 3.0) -> bool:
    """Whether the hub gives any answer, through whatever proxy the environment names.

    Args:
        timeout_s: after which the answer is no. Looking up the name and trying each of its
            addresses knows no common limit, so it happens aside.
    """
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310 (the hub's own setting)
        try:
            urllib.request.urlopen(request, timeout=timeout_s).close()  # noqa: S310
        except urllib.error.HTTPError as refusal:
            refusal.close()
        except (OSError, HTTPException):
            return
        answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return answered.is_set()


def _from_file(name: str, file: Path, options: Mapping[str, Any]) -> nn.Module:
    """The model with every one of its weights from a file, which may also hold a classifier."""
    # A dictionary of tensors, not the file, goes to timm: given a file and no classifier to fill,
    # it would load whatever fits and keep the rest random.
    weights = _read(file)
    known = timm.get_pretrained_cfg(name)
    classifier = known.classifier if known is not None else None
    prefixes = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
    weights = {
        key: value
        for key, value in weights.items()
        if not key.startswith(tuple(f"{prefix}." for prefix in prefixes))
    }
    overlay = {"state_dict": weights, "num_classes": 0, "label_offset": 0}
    try:
        backbone = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, **options
        )
    except (RuntimeError, KeyError) as error:
        raise PretrainedWeightsError(
            f"the weights in {file} do not fit {name!r} with {dict(options)}: "
            f"{str(error)[:_LONGEST_REASON]}"
        ) from error
    cast(dict[str, Any], backbone.pretrained_cfg).pop("state_dict")  # a second copy of the weights
    return backbone


def _read(file: Path) -> dict[str, Tensor]:
    """The tensors in a file, by name; a pickle may hold nothing else and runs no code."""
    try:
        weights = load_state_dict(str(file), weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, AttributeError) as error:
        raise PretrainedWeightsError(
            f"{file} cannot be read as weights: {str(error)[:_LONGEST_REASON]}"
        ) from error
    odd = [key for key, value in weights.items() if not isinstance(value, Tensor)]
    if odd or not weights:
        raise PretrainedWeightsError(
            f"{file} is not a dictionary of tensors by name: {odd[0] if odd else 'it is empty'}"
        )
    return weights
