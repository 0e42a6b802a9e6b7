"""Pictures of recordings: the spectrogram, the annotated boxes, the scores over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from rfcx_audio.colours import COLOURS, MARKERS
from rfcx_audio.data import LONG_S
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.rates import at_rate, fft_length
from rfcx_audio.scores import WINDOW

_DRAWN_FROM_HZ, _DRAWN_TO_HZ, _DRAWN_MELS = 60.0, 15_000.0, 128
_SPECIES_SHOWN = 8
_BOX_COLOURS = {True: "#56B4E9", False: "#FFFFFF"}  # both stand out from all of the colour map
_STRETCH_S = 60.0
_TICKS_HZ = (100, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000)
_FLOOR_DB = -120.0


def stretch_of(duration_s: float, rows: pd.DataFrame | None = None) -> tuple[float, float | None]:
    """What to draw of a recording: all of it, or a minute of a long one, around its first row.

    Args:
        duration_s: of the recording.
        rows: its boxes, with `t_min` in s.

    Returns:
        The start in s, and the duration; None for all.
    """
    if duration_s <= LONG_S:
        return 0.0, None
    first = 0.0 if rows is None or rows.empty else float(rows["t_min"].min())
    return min(max(0.0, first - _STRETCH_S / 2), duration_s - _STRETCH_S), _STRETCH_S


def drawn_by(frontend: LogMel | EncoderFrontend) -> LogMel:
    """The front end that pictures are made with: an encoder's features have none."""
    if isinstance(frontend, LogMel):
        return frontend
    rate = frontend.sample_rate
    f_max = min(_DRAWN_TO_HZ, rate / 2)
    n_fft = cast(int, fft_length(2048, rate, _DRAWN_FROM_HZ, f_max, _DRAWN_MELS))
    hop_length = cast(int, at_rate(1024, rate))
    made = LogMel(rate, n_fft, hop_length, n_mels=_DRAWN_MELS, f_min=_DRAWN_FROM_HZ, f_max=f_max)
    return made.to(frontend.window.device)


def draw_recording(
    frontend: LogMel | EncoderFrontend,
    waveform: np.ndarray,
    title: str,
    rows: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
    start_s: float = 0.0,
    species: Sequence[str] = (),
) -> Figure:
    """A recording's log-mel spectrogram with its rows as boxes and its windows' scores below.

    >>> model = rfcx_audio.load("best.ckpt")
    >>> waveform = model.reader.read("audio/dawn.wav")
    >>> rfcx_audio.draw_recording(model.frontend, waveform, "dawn").savefig("dawn.png")

    Args:
        frontend: a `LogMel`; the frequency axis is its mel axis, labelled in kHz. For the front end
            of an encoder, whose features are no picture, see `drawn_by`.
        waveform: (samples,) at the front end's sample rate.
        title: of the picture.
        rows: boxes (`species_id`, `present`, `t_min`, `t_max`, `f_min`, `f_max`): confirmed ones
            are full lines, ruled-out ones dashed.
        scores: windows (`t_min`, `t_max`, and a column for each species); the highest species are
            drawn over time.
        start_s: of the waveform in its recording; all times are of the recording.
        species: names of the boxes by `species_id`; empty: the columns of `scores`.
    """
    frontend = drawn_by(frontend)
    figure = Figure(figsize=(14, 7 if scores is not None else 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    if scores is None:
        upper, lower = figure.subplots(), None
    else:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    end_s = start_s + len(waveform) / frontend.sample_rate
    _draw_spectrogram(upper, frontend, waveform, (start_s, end_s))
    upper.set_xlim(start_s, end_s)
    if rows is not None:
        here = rows[(rows["t_max"] > start_s) & (rows["t_min"] < end_s)]
        columns = [] if scores is None else [str(name) for name in scores if name not in WINDOW]
        _draw_boxes(upper, frontend, here, species or columns)
    upper.set_title(title)
    if lower is not None and scores is not None:
        _draw_scores(lower, scores)
    (lower or upper).set_xlabel("time (s)")
    return figure


def _draw_spectrogram(
    axes: Axes, frontend: LogMel, waveform: np.ndarray, times_s: tuple[float, float]
) -> None:
    with torch.inference_mode():
        samples = torch.from_numpy(waveform).to(frontend.window.device)
        spectrogram = in_db(frontend, frontend(samples[None])[0, 0].cpu().numpy())  # (mels, frames)
    low, high = np.percentile(spectrogram, [5, 99.8])
    image = axes.imshow(
        spectrogram,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(*times_s, 0, len(spectrogram)),
    )
    figure = axes.get_figure()
    assert isinstance(figure, Figure)  # noqa: S101 (for the type checker)
    bar = axes.inset_axes((1.01, 0.0, 0.012, 1.0))  # beside it, however wide the legend below is
    figure.colorbar(image, cax=bar, label="power of a band (dB)", extend="both")
    ticks_hz = [t for t in _TICKS_HZ if frontend.f_min <= t <= frontend.f_max]
    axes.set_yticks(frontend.band_of(ticks_hz), [f"{t / 1000:g}" for t in ticks_hz])
    axes.set_ylabel("frequency (kHz)")


def in_db(frontend: LogMel, spectrogram: np.ndarray) -> np.ndarray:
    """A spectrogram in dB, whatever logarithm its front end takes; no less than -120."""
    if frontend.scaling == "db":
        decibel = spectrogram
    elif frontend.scaling == "log":
        decibel = 10 / np.log(10) * spectrogram
    else:
        power = np.expm1(spectrogram.astype(np.float64))
        decibel = 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10)))
    return np.maximum(decibel, _FLOOR_DB)


def _draw_boxes(axes: Axes, frontend: LogMel, rows: pd.DataFrame, names: Sequence[str]) -> None:
    edge = [withStroke(linewidth=2.5, foreground="black")]  # legible on light parts as well
    for row in rows.to_dict("records"):
        bottom, top = frontend.band_of([row["f_min"], row["f_max"]])
        colour, number = _BOX_COLOURS[bool(row["present"])], int(row["species_id"])
        axes.add_patch(
            Rectangle(
                (row["t_min"], bottom),
                row["t_max"] - row["t_min"],
                top - bottom,
                fill=False,
                color=colour,
                linewidth=1.5,
                linestyle="-" if row["present"] else "--",
                path_effects=edge,
            )
        )
        name = names[number] if number < len(names) else f"s{number}"
        start_s, end_s = axes.get_xlim()
        is_late = row["t_min"] + row["t_max"] > start_s + end_s  # a long name would be cut off
        axes.text(
            min(row["t_max"], end_s) if is_late else max(row["t_min"], start_s),
            top,
            name if row["present"] else f"not {name}",
            color=colour,
            ha="right" if is_late else "left",
            va="bottom" if top < frontend.n_mels else "top",
            fontsize=9,
            clip_on=True,
            path_effects=edge,
        )


def _draw_scores(axes: Axes, scores: pd.DataFrame) -> None:
    columns = [name for name in scores if name not in WINDOW]
    middle = (scores["t_min"] + scores["t_max"]) / 2
    best = scores[columns].max().sort_values(ascending=False).index[:_SPECIES_SHOWN]
    for name, colour, marker in zip(best, COLOURS, MARKERS, strict=False):
        axes.plot(middle, scores[name], marker=marker, color=colour, markersize=4, label=str(name))
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("score of a window")
    axes.grid(alpha=0.3)
    title = f"highest {len(best)} of {len(columns)}" if len(best) < len(columns) else None
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, title=title)
