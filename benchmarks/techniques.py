"""Every technique of the library, as overrides on a command line."""

from __future__ import annotations

from typing import NamedTuple

from rfcx_audio.config import CONF_DIR

GROUPS = (
    "experiment",
    "loss",
    "model/head",
    "frontend",
    "augment",
    "method",
    "optimizer",
    "scheduler",
    "data/reader",
    "model",
)
"""The groups of `conf/` whose options change the computation or the input of a training step."""

_SLIM = (
    "model.encoder.name=resnet10t",
    "model.encoder.options={channels:[16,32,64,128],stem_width:16}",
)
"""The encoder of `model=tiny`, for any composition."""

ON_FEATURES = ("features", "birdnet", "perch")
"""Models that need a store of features, which the data of these runs have not."""

NEEDED = {
    "method=co_teaching": ["loss=bce"],
    "method=frequency_filtering": ["model=class_bands_crop"],
    "method=frequency_filtering_all": ["model=class_bands_crop", "loss=weak_negatives"],
    "model=class_bands_crop": ["method=frequency_filtering"],
    "model=class_bands_mask": ["method=frequency_filtering"],
    "augment=background": ["augment.waveform.background.folder=${data.root}/test"],
    "frontend=three_channels": ["model.encoder.in_chans=3"],
}
"""Overrides that an option requires."""

FURTHER = (
    *(["method.reduction=" + how] for how in ("example", "class_balanced", "all", "sum")),
    ["loss=bce", "method=co_teaching", "method.select=example"],
    ["loss=lsoft_a", "loss.teacher=ema", "method.ema_decay=0.99"],
    ["method=frequency_filtering", "model=class_bands_crop", "model.pool=top3"],
    ["inference.pool=top3", "inference.smooth=3"],
    ["augment=strong", "augment.spectrogram.resized_crop.anchor=origin"],
)
"""Settings that change the computation and have no file in `conf/`."""


class Technique(NamedTuple):
    """A technique to try.

    Attributes:
        name: its overrides, as text.
        words: all overrides; the encoder is small unless the technique is an encoder.
        rounds: whether it is run by `relabel` instead of `train`.
    """

    name: str
    words: tuple[str, ...]
    rounds: bool = False


def words_of(group: str, option: str) -> list[str]:
    """The overrides that choose an option, with what it needs."""
    choice = f"{group}={option}"
    return [*NEEDED.get(choice, []), choice]


def techniques() -> list[Technique]:
    """All techniques, the defaults first; a new file in `conf/` adds one."""
    found = [Technique("all defaults", ())]
    for group in GROUPS:
        for path in sorted((CONF_DIR / group).glob("*.yaml")):
            if group == "model" and path.stem in ON_FEATURES:
                continue
            choice, words = f"{group}={path.stem}", words_of(group, path.stem)
            # If the option names a timm encoder, that encoder is the technique.
            whole = group == "model" and not path.stem.startswith("class_bands")
            rounds = group == "experiment" and path.stem.startswith("pseudo_labels")
            found.append(Technique(choice, (*words, *(() if whole else _SLIM)), rounds))
    return found + [Technique(" ".join(words), (*words, *_SLIM)) for words in FURTHER]
