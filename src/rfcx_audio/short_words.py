"""Words of a command line that stand for longer ones."""

from __future__ import annotations

from collections.abc import Sequence

_OPTIONS = {"embed": {"model": "model/encoder"}}
"""By command, groups whose options have a shorter name there: `embed` needs the encoder alone of
the models that training knows by the same name."""


def spelled_out(name: str, words: Sequence[str]) -> list[str]:
    """The words with the groups that they stand for.

    Args:
        name: of a root file in `conf/`, without its suffix.
        words: of a command line.
    """
    longer = _OPTIONS.get(name, {})
    pairs = [word.partition("=") for word in words]
    return [f"{longer.get(key, key)}{equals}{value}" for key, equals, value in pairs]
