"""Words of a command line that stand for longer ones, or that are added to it."""

from __future__ import annotations

from collections.abc import Sequence

_OPTIONS = {"embed": {"model": "model/encoder"}}
"""By command, groups whose options have a shorter name there: `embed` needs the encoder alone of
the models that training knows by the same name."""

_UNLESS_CHOSEN = {"recipe": ("experiment=best", ("experiment", "model"))}
"""By command, a composition, and the groups whose choice takes its place. It is no default of the
configuration, since that would stay beside another `model`, which its method does not fit."""


def spelled_out(name: str, words: Sequence[str]) -> list[str]:
    """The words with the groups that they stand for, and the composition that they leave out.

    Args:
        name: of a root file in `conf/`, without its suffix.
        words: of a command line.
    """
    longer = _OPTIONS.get(name, {})
    pairs = [word.partition("=") for word in words]
    found = [f"{longer.get(key, key)}{equals}{value}" for key, equals, value in pairs]
    if name in _UNLESS_CHOSEN:
        composition, groups = _UNLESS_CHOSEN[name]
        chosen = {key.lstrip("+~") for key, _, _ in pairs}
        found += [] if chosen & set(groups) else [composition]
    return found
