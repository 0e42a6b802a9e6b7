"""Configurations whose network is a head on the features of a pretrained encoder."""

from __future__ import annotations

from typing import Any, cast

import yaml

from rfcx_audio.config import DictConfig, build, config_text, variant
from rfcx_audio.data import FeatureStore, StoreError
from rfcx_audio.encoders import FeatureEncoder
from rfcx_audio.encoders.loaded import PLACES, absolute

_SET = ("hop_s", "gain_db")  # of the front end, where they are null
_MAY_DIFFER = (*PLACES, "sha256", "num_features")
"""Of an encoder that is given beside a store: its place, and what follows from its file."""


def has_encoder(config: DictConfig) -> bool:
    """Whether the network of a configuration is a head on features (`model=features`, …)."""
    return "store" in config.data


def with_encoder(config: DictConfig) -> DictConfig:
    """A configuration in which the encoder is described, as its store has it, else its file.

    Args:
        config: of `conf/train.yaml`. One whose network is no head on features comes back as it is.

    Raises:
        ValueError: there is neither an encoder nor a store, or the store is of another encoder, or
            settings are of networks on spectrograms.
        EncoderFileError: the encoder's file is needed, and cannot be used.
    """
    if not has_encoder(config):
        return config
    given = _given(config)
    if config.data.store is None:
        made = _of_file(given)
    else:
        made = _of_store(FeatureStore.open(config.data.store), given)
    changes = {f"frontend.{key}": made[key] for key in _SET if config.frontend[key] is None}
    rate = made["sample_rate"]
    changes["data.reader.sample_rate"] = rate
    # An encoder takes all that its sample rate holds, wherever the rows lie.
    decided = {"crop_duration_s": made["window_s"], "sample_rate": rate}
    decided |= {"f_min": 0.0, "f_max": rate / 2}
    changes |= {f"data.{key}": value for key, value in decided.items() if config.data[key] is None}
    if "channel" in made:
        changes["data.reader.channel"] = made["channel"]
    # In two steps: a mapping would be merged into the one that is there.
    empty = variant(config, {"model.encoder": None})
    return variant(empty, {"model.encoder": made["encoder"], **changes})


def _given(config: DictConfig) -> dict[str, Any] | None:
    """The encoder of a configuration, as plain values; None for none.

    Raises:
        ValueError: settings are of a network on spectrograms.
    """
    node = config.model.encoder
    given = None if node is None else yaml.safe_load(config_text(node))
    if (given is not None and "_target_" not in given) or "hop_length" in config.frontend:
        raise ValueError(
            "the network is a head on the features of a pretrained encoder, and settings are of a "
            "network on spectrograms (model.encoder.name, frontend.hop_length); leave out "
            "scale=laptop: a head is small"
        )
    return given


def _of_store(store: FeatureStore, given: dict[str, Any] | None) -> dict[str, Any]:
    """What a store was made with; where the encoder's file lies is taken from `given`.

    Raises:
        StoreError: `given` is another encoder.
    """
    made = dict(store.settings)
    encoder = dict(made["encoder"])
    for key, value in (given or {}).items():
        if key in ("file", "checkpoint") and value is not None:
            encoder[key] = absolute(value)
        elif key not in _MAY_DIFFER and value is not None and value != encoder.get(key):
            raise StoreError(
                f"{store.folder} was made by an encoder with {key} = {encoder.get(key)}, "
                f"model.encoder has {value}; take the store's own (model=features), or embed the "
                "recordings with this one into another folder"
            )
    return {**made, "encoder": encoder}


def _of_file(given: dict[str, Any] | None) -> dict[str, Any]:
    """What an encoder's file states, and windows that overlap by half.

    Raises:
        ValueError: there is no encoder.
    """
    if given is None:
        raise ValueError(
            "there are no features: give data.store=…, a folder that rfcx-audio embed wrote, or an "
            "encoder, which embeds the recordings first: model=birdnet model.encoder.file=…"
        )
    encoder = cast(FeatureEncoder, build(given))
    return {
        "encoder": encoder.described(),
        "sample_rate": encoder.sample_rate,
        "window_s": encoder.window_s,
        "hop_s": encoder.window_s / 2,
        "gain_db": 0.0,
    }
