"""Colours of pictures that people with any kind of colour vision can tell apart."""

from __future__ import annotations

COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442"),
)
"""Source: Okabe and Ito (2008), "Color universal design"; yellow, light on white, is last."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Of lines, in the same order: two properties tell them apart."""
