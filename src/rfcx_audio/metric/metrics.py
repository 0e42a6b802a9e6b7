"""The metrics that a learning method logs, by name."""

from __future__ import annotations

from typing import NamedTuple

from torchmetrics import Metric


class Metrics(NamedTuple):
    """What is measured when a network is validated and tested.

    Attributes:
        windows: by name, over windows with partial truth.
        recordings: by name, over recordings with complete truth; one is named `lwlrap`.
    """

    windows: dict[str, Metric]
    recordings: dict[str, Metric]
