"""Pictures of recordings: the spectrogram, the annotated boxes, the scores over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rfcx_audio.frontend import LogMel
from rfcx_audio.scores import WINDOW

_SPECIES_SHOWN = 8
_BOX_COLOURS = {True: "#7cfc00", False: "#ff6f61"}


def draw_recording(
    frontend: LogMel,
    waveform: np.ndarray,
    title: str,
    rows: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
) -> Figure:
    """A recording's log-mel spectrogram with its rows as boxes and its windows' scores below.

    >>> model = rfcx_audio.load("best.ckpt")
    >>> waveform = model.reader.read("audio/dawn.wav")
    >>> rfcx_audio.draw_recording(model.frontend, waveform, "dawn").savefig("dawn.png")

    Args:
        frontend: a `LogMel`; the frequency axis is its mel axis, labelled in kHz.
        waveform: (samples,) at the front end's sample rate.
        title: of the picture.
        rows: boxes (`species_id`, `present`, `t_min`, `t_max`, `f_min`, `f_max`): confirmed ones
            green and full, ruled-out ones red and dashed.
        scores: windows (`t_min`, `t_max`, `s0`, …); the highest species are drawn over time.
    """
    figure = Figure(figsize=(14, 7 if scores is not None else 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    if scores is None:
        upper, lower = figure.subplots(), None
    else:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_spectrogram(upper, frontend, waveform)
    if rows is not None:
        _draw_boxes(upper, frontend, rows)
    upper.set_title(title)
    if lower is not None and scores is not None:
        _draw_scores(lower, scores)
    (lower or upper).set_xlabel("time (s)")
    return figure


def _draw_spectrogram(axes: Axes, frontend: LogMel, waveform: np.ndarray) -> None:
    with torch.inference_mode():
        samples = torch.from_numpy(waveform).to(frontend.window.device)
        spectrogram = frontend(samples[None])[0, 0].cpu().numpy()  # (mels, frames)
    low, high = np.percentile(spectrogram, [5, 99.8])
    axes.imshow(
        spectrogram,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(0, len(waveform) / frontend.sample_rate, 0, len(spectrogram)),
    )
    ticks_hz = [t for t in (100, 500, 1000, 2000, 4000, 8000, 16000) if t <= frontend.f_max]
    ticks_hz = [t for t in ticks_hz if t >= frontend.f_min]
    axes.set_yticks(frontend.band_of(ticks_hz), [f"{t / 1000:g}" for t in ticks_hz])
    axes.set_ylabel("frequency (kHz)")


def _draw_boxes(axes: Axes, frontend: LogMel, rows: pd.DataFrame) -> None:
    for row in rows.to_dict("records"):
        bottom, top = frontend.band_of([row["f_min"], row["f_max"]])
        colour = _BOX_COLOURS[bool(row["present"])]
        axes.add_patch(
            Rectangle(
                (row["t_min"], bottom),
                row["t_max"] - row["t_min"],
                top - bottom,
                fill=False,
                color=colour,
                linewidth=1.5,
                linestyle="-" if row["present"] else "--",
            )
        )
        absent = "" if row["present"] else "not "
        axes.text(
            row["t_min"],
            top,
            f"{absent}s{row['species_id']}",
            color=colour,
            va="bottom",
            fontsize=9,
        )


def _draw_scores(axes: Axes, scores: pd.DataFrame) -> None:
    columns = [name for name in scores if name not in WINDOW]
    middle = (scores["t_min"] + scores["t_max"]) / 2
    best = scores[columns].max().sort_values(ascending=False).index[:_SPECIES_SHOWN]
    for name in best:
        axes.plot(middle, scores[name], marker="o", markersize=3, label=str(name))
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("score of a window")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", ncols=_SPECIES_SHOWN, fontsize=8)
