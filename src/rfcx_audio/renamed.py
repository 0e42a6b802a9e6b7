"""Keys and options of earlier versions, and their present names."""

from __future__ import annotations

from collections.abc import Sequence

_RENAMED: dict[str, dict[str, str]] = {
    "calibrate": {"truth": "labels", "apply": "scores", "resamples": "num_bootstrap"},
    "ensemble": {"truth": "labels", "out_of_fold": "oof"},
    "evaluate": {"truth": "labels"},
    "prevalence": {
        "known_scores": "oof",
        "rows": "labels",
        "truth": "complete_labels",
    },
    "relabel": {"take_back": "rollback_to"},
}
"""By command, the keys of earlier versions and their present names."""

_RENAMED_IN_GROUPS = {"loss.then": "loss.variant", "method.hear": "method.train_on"}
"""The same for keys of options, for all commands."""

_RENAMED_OPTIONS: dict[str, dict[str, str]] = {
    "loss": {
        "large_loss_correct": "large_loss_ct",
        "large_loss_correct_for_good": "large_loss_cp",
        "large_loss_reject": "large_loss_r",
    },
}
"""By group, the options of earlier versions and their present names."""


def renamed_keys(name: str, overrides: Sequence[str]) -> list[str]:
    """The present names of keys and options of earlier versions, one line for each that is used.

    Args:
        name: of a root file in `conf/`, without its suffix.
        overrides: as on the command line.
    """
    renamed = _RENAMED.get(name, {}) | _RENAMED_IN_GROUPS
    pairs = [word.lstrip("+~").partition("=")[::2] for word in overrides if "=" in word]
    used = [key for key, _ in pairs]
    lines = [f"{key}= is now {renamed[key]}=" for key in used if key in renamed]
    for key, value in pairs:
        options = _RENAMED_OPTIONS.get(key.partition("@")[0], {})
        former = [one for one in value.split(",") if one in options]
        lines += [f"{key}={one} is now {key}={options[one]}" for one in former]
    if name == "calibrate" and "scores" in used and "oof" not in used:
        lines.append("scores= is now oof=, and scores= the table to write calibrated")
    return lines
