"""A picture of how the scores of each species are distributed, by what its labels state."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rfcx_audio.batch import Labels
from rfcx_audio.colours import COLOURS
from rfcx_audio.scores.scores import Scores

_SHOWN = 24
_COLUMNS = 4
_BINS = np.linspace(0, 1, 21)
_STYLES = {
    "present": (COLOURS[0], "-", 2.0),
    "absent": (COLOURS[5], "--", 1.5),
    "unknown": ("#777777", ":", 1.5),
}


def draw_distributions(
    scores: Scores, labels: Labels, thresholds: np.ndarray | None = None
) -> Figure:
    """Histograms of the scores of each species: known present, known absent and unknown rows.

    Each curve is the share of its own rows, so that few presences show beside many absences. With
    more species than fit, those with the most known presences are drawn.

    Args:
        scores: of windows or recordings, in [0, 1].
        labels: (rows, species) each.
        thresholds: (species,), drawn as a vertical line where they are no NaN; None for none.
    """
    known, target = (part.numpy() for part in (labels.known > 0, labels.target >= 0.5))
    states = {"present": known & target, "absent": known & ~target, "unknown": ~known}
    order = np.argsort(-states["present"].sum(0), kind="stable")[:_SHOWN]
    columns = min(_COLUMNS, len(order))
    lines = -(-len(order) // columns)
    figure = Figure(figsize=(3 + 2.6 * columns, 1.2 + 2.2 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, above in zip(axes[len(order) :], axes[len(order) - columns :], strict=False):
        place.set_visible(False)
        above.tick_params(labelbottom=True)
    for place, species in zip(axes, order, strict=False):
        counts = []
        for state, (colour, style, width) in _STYLES.items():
            values = scores.values[states[state][:, species], species]
            counts.append(str(len(values)))
            if len(values):
                share = np.histogram(np.clip(values, 0, 1), _BINS)[0] / len(values)
                place.stairs(share, _BINS, color=colour, linestyle=style, linewidth=width)
        if thresholds is not None and np.isfinite(thresholds[species]):
            place.axvline(thresholds[species], color="black", linewidth=1)
        place.set_title(f"{scores.species[species]}\n{' / '.join(counts)}", fontsize=9)
        place.grid(alpha=0.3)
    for state, (colour, style, width) in _STYLES.items():
        axes[0].plot([], [], color=colour, linestyle=style, linewidth=width, label=state)
    if thresholds is not None:
        axes[0].plot([], [], color="black", linewidth=1, label="threshold")
    figure.legend(loc="outside right upper")
    more = f", {len(order)} of {len(scores.species)} species" if len(order) < known.shape[1] else ""
    rows = "recordings" if scores.is_pooled else "windows"
    figure.suptitle(f"scores of {rows} (present / absent / unknown){more}")
    figure.supxlabel("score")
    figure.supylabel("share of the rows of a kind")
    return figure
