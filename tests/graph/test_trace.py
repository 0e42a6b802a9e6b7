from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from torch import nn

from graphs import AUDIO, RATE, recogniser
from rfcx_audio.graph.parity import parity
from rfcx_audio.graph.trace import ExportError, WaveformScorer, shortest_waveform, trace
from rfcx_audio.model import BandedHead, ClassBandDetector, ConvAttention, SEDHead, SkipAttention


@pytest.mark.parametrize(
    ("head", "settings"),
    [
        (BandedHead, (1.0, False)),
        (SEDHead, ()),
        (partial(SEDHead, pooling="logit"), ()),
        (partial(ConvAttention, conv_channels=(16,)), (2.0, True, 64)),
        (partial(SkipAttention, conv_channels=(16, 16)), (3.0, True, 128)),
    ],
)
def test_every_head_makes_one_graph_for_all_lengths(
    head: Callable[..., nn.Module], settings: tuple[float, bool, int]
) -> None:
    library = recogniser(head, *settings)
    graph = trace(library).module()
    window = round(library.windows.duration_s * RATE)
    scorer = WaveformScorer(library.frontend, library.detector)
    lengths = (shortest_waveform(library), window, 2 * window + 977)
    assert parity(scorer, graph, AUDIO, lengths, batches=(1, 3))["difference"].max() < 1e-4


def test_what_no_graph_can_hold_is_refused() -> None:
    with pytest.raises(ExportError, match=r"windows of 0\.5 s are too short .* needs 0\.63 s"):
        trace(recogniser(duration_s=0.5))
    banded = recogniser()
    banded.detector = nn.Sequential(object.__new__(ClassBandDetector))
    with pytest.raises(ExportError, match="choose format=artefact, or export another model"):
        trace(banded)
