"""Every technique of the library, as the words that choose it on a command line."""

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
"""The groups of `conf/` whose options change what a training step computes or is fed with."""

_SLIM = (
    "model.encoder.name=resnet10t",
    "model.encoder.options={channels:[16,32,64,128],stem_width:16}",
)
"""The encoder of `model=tiny`, in any composition."""

_WITH = {
    "method=co_teaching": ["loss=bce"],
    "method=frequency_filtering": ["model=class_bands_crop"],
    "method=frequency_filtering_all": ["model=class_bands_crop", "loss=weak_negatives"],
    "model=class_bands_crop": ["method=frequency_filtering"],
    "model=class_bands_mask": ["method=frequency_filtering"],
    "augment=background": ["augment.waveform.background.folder=${data.root}/test"],
    "frontend=three_channels": ["model.encoder.in_chans=3"],
}
"""What an option needs beside it."""

_FURTHER = (
    *(["method.reduction=" + how] for how in ("example", "class_balanced", "all", "sum")),
    ["loss=bce", "method=co_teaching", "method.select=example"],
    ["loss=lsoft_a", "loss.teacher=ema", "method.ema_decay=0.99"],
    ["method=frequency_filtering", "model=class_bands_crop", "model.pool=top3"],
    ["inference.pool=top3", "inference.smooth=3"],
    ["augment=strong", "augment.spectrogram.resized_crop.anchor=origin"],
)
"""Settings that are no options of their own and compute something else."""


class Technique(NamedTuple):
    """One thing to try.

    Attributes:
        name: the words that choose it.
        words: overrides that compose it; all encoders are slim but the one that is the technique.
        rounds: whether `relabel` runs it, and not `train`.
    """

    name: str
    words: tuple[str, ...]
    rounds: bool = False


def techniques() -> list[Technique]:
    """All of them, the defaults first; a new file in `conf/` is a new one."""
    found = [Technique("all defaults", ())]
    for group in GROUPS:
        for path in sorted((CONF_DIR / group).glob("*.yaml")):
            choice = f"{group}={path.stem}"
            words = [*_WITH.get(choice, []), choice]
            # The encoder itself is the technique where the option names one of timm's.
            whole = group == "model" and not path.stem.startswith("class_bands")
            rounds = group == "experiment" and path.stem.startswith("pseudo_labels")
            found.append(Technique(choice, (*words, *(() if whole else _SLIM)), rounds))
    return found + [Technique(" ".join(words), (*words, *_SLIM)) for words in _FURTHER]
