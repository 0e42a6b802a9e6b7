"""What a configuration leaves to the data, and no part can be built without."""

from __future__ import annotations

from itertools import chain

_OF_THE_DATA = ("num_species", "sample_rate", "f_min", "f_max")
"""Arguments that are null until the data have decided them."""

_AFTER_THE_DATA = (
    *("rfcx_audio.model.", "rfcx_audio.metric.", "rfcx_audio.frontend."),
    "rfcx_audio.data.species_classes",
)
"""Beginnings of the `_target_` of parts that have to wait for that."""


def unsettled(node: object) -> str | None:
    """Which argument of which part the data have yet to decide, and how; None for none.

    Args:
        node: of a configuration, as plain lists and dicts; parts are looked for at any depth.
    """
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = _of_part(node) if isinstance(node, dict) else None
    return next((found for found in chain(map(unsettled, inner), [own]) if found), None)


def _of_part(node: dict[str, object]) -> str | None:
    if not str(node.get("_target_")).startswith(_AFTER_THE_DATA):
        return None
    names = [name for name in _OF_THE_DATA if node.get(name, 0) is None]
    templates = node.get("templates")
    if isinstance(templates, dict) and templates.get("_partial_"):  # to be made of the rows
        names.append("templates")
    if not names:
        return None
    return (
        f"{', '.join(names)} of {node['_target_']}: taken from the data; call "
        "rfcx_audio.settle(config) before parts are built, or give "
        + ", ".join(f"data.{name}" for name in names)
    )
