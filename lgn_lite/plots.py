"""Figures of a query and its video, matplotlib for print and plotly for the page.

Holds plot_retrieval (the paper's Figure 3), the temporal map for print and for the page, and a toy video's
script. Results and curves come from charts.py, the model's drawing from diagram.py, the look from look.py.
Each function takes arrays or tensors and returns its Figure; showing it is left to the caller.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lgn_lite.charts import plot_curves, plot_gates, plot_results
from lgn_lite.errors import InputError
from lgn_lite.look import (
    BASELINE,
    GRID,
    HOLE,
    IMPOSSIBLE,
    INK,
    OURS,
    SCORES,
    STYLE,
    TRUTH,
    looks,
    new_axes,
    style,
    to_array,
)
from lgn_lite.moments import Moments, interval_iou

__all__ = ["BASELINE", "OURS", "TRUTH", "looks", "map_figure", "plot_curves", "plot_gates", "plot_map"]
__all__ += ["plot_results", "plot_retrieval", "plot_retrievals", "plot_timeline", "style"]


def _span(span, duration: float, name: str) -> tuple[float, float]:
    start, end = (float(second) for second in span)
    if not -1e-3 <= start < end <= duration + 1e-3:  # a millisecond: spans may have been float32 fractions
        where = f"{name}: {start:g} to {end:g} s is no moment of a video of {duration:g} s"
        raise InputError(f"{where}; give start < end in seconds")
    return start, end


@mpl.rc_context(STYLE)
def plot_retrieval(
    frames,
    times,
    duration: float,
    sentence: str,
    bars: Mapping[str, tuple[float, float]],
    ax: Axes | None = None,
) -> Figure:
    """Draw one query, its video and the answers to it, as in the paper's Figure 3.

    frames (T, h, w, 3) uint8 at `times` (T,) in seconds: at most twelve are shown, each centred at its own
    time; with None, where there is no video file, the bars stand alone. `bars` maps a label to (start, end) in
    seconds, from top to bottom; with a bar "truth", the others get their tIoU. Raises InputError for times that
    do not fit the frames, and for a bar that is no moment of the video.
    """
    bars = {label: _span(span, duration, label) for label, span in bars.items()}
    row, strip, left, right = 0.034 * duration, 0.0, 0.0, duration
    if frames is not None:
        frames, times = np.asarray(frames), np.asarray(times, dtype=float)
        if frames.ndim != 4 or len(frames) != len(times) or not len(times):
            raise InputError(f"{len(times)} times for frames of shape {frames.shape}; give (T, h, w, 3) and T times")
        T, height, width, _ = frames.shape  # frames, pixels, pixels, RGB
        step = math.ceil(T / 12)
        shown = np.arange(T // step) * step + T % step // 2 + step // 2
        # Both axes count seconds, equally scaled: a thumbnail cannot be distorted, whatever the figure's size.
        gap = np.diff(times[shown]).min(initial=duration / 6)
        size = min(0.96 * gap, 0.13 * duration * width / height)  # a thumbnail's width; none higher than 0.13
        strip = size * height / width
        left, right = min(0, times[shown[0]] - size / 2), max(duration, times[shown[-1]] + size / 2)
    alone = ax is None
    ax = new_axes()[1][0, 0] if alone else ax
    if frames is not None:
        for t, frame in zip(times[shown], frames[shown], strict=True):
            ax.imshow(frame, extent=(t - size / 2, t + size / 2, 0, strip))
    at = {label: -(i + 0.8) * row for i, label in enumerate(bars)}
    for label, look in looks(bars).items():
        (start, end), y = bars[label], at[label]
        fill = {"color": look["color"], "hatch": look["hatch"], "edgecolor": "white"}
        ax.barh(y, end - start, 0.66 * row, left=start, **fill)
        beside = {
            "x": end + 0.008 * duration,
            "ha": "left",
        }  # the seconds: right of the bar, else left, else on it
        if end > 0.87 * duration:
            beside = {"x": start - 0.008 * duration, "ha": "right"}
            if start < 0.13 * duration:
                beside = {
                    "x": (start + end) / 2,
                    "ha": "center",
                    "bbox": {"fc": "white", "ec": "none", "pad": 1},
                }
        ax.text(y=y, s=f"{start:.1f} – {end:.1f} s", va="center", fontsize=9, **beside)
        if "truth" in bars and label != "truth":
            iou = interval_iou(torch.tensor(bars[label]), torch.tensor(bars["truth"])).item()
            ax.text(1.01, y, f"tIoU {iou:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=9)
    if "truth" in bars:
        ax.vlines(bars["truth"], at["truth"] + 0.33 * row, strip, color=TRUTH, linestyle="--", lw=1.4, clip_on=False)
    ax.set(
        title=textwrap.fill(f"“{sentence}”", 95),
        xlabel="time (seconds)",
        xlim=(left, right),
        ylim=(-(len(bars) + 0.35) * row, strip),
        yticks=list(at.values()),
        yticklabels=list(at),
        aspect="equal",
    )
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_bounds(0, duration)
    ax.tick_params(axis="y", length=0)
    if alone:
        _fit_height([ax])
    return ax.figure


def _fit_height(axes: Sequence[Axes]) -> None:
    """Give each retrieval the height that its equally scaled axes need, plus an inch for its words."""
    needed = [8.2 * np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim()) + 1.05 for ax in axes]
    axes[0].get_gridspec().set_height_ratios(needed)
    axes[0].figure.set_size_inches(10, sum(needed))


@mpl.rc_context(STYLE)
def plot_retrievals(examples: Sequence[Mapping]) -> Figure:
    """Draw several retrievals under each other; each example holds plot_retrieval's arguments by name."""
    figure, axes = new_axes(len(examples))
    for ax, example in zip(axes[:, 0], examples, strict=True):
        plot_retrieval(**example, ax=ax)
    _fit_height(axes[:, 0])
    return figure


def _grid(moments: Moments, values, name: str) -> np.ndarray:
    """Values (P,) as a map (N, N) of start and end, NaN where there is no candidate."""
    values, N = to_array(values), len(moments.mask)  # (P,), map size
    if values.shape != (len(moments),):
        raise InputError(f"{name}: shape {values.shape} for {len(moments)} candidates; give one value for each")
    grid = np.full((N, N), np.nan, dtype=np.float32)
    grid[moments.start_index.cpu().numpy(), moments.end_index.cpu().numpy()] = values
    return grid


def _best(moments: Moments, scores, duration: float) -> tuple[float, float]:
    best = int(np.argmax(to_array(scores)))
    return float(moments.starts[best]) * duration, float(moments.ends[best]) * duration


@mpl.rc_context(STYLE)
def plot_map(
    moments: Moments,
    scores,
    duration: float,
    truth=None,
    answer=None,
    ax: Axes | None = None,
    label: str = "score",
) -> Figure:
    """Draw scores (P,) as the 2D temporal map: end on the x axis, start on the y axis downwards, in seconds.

    A cell is centred at its moment's exact start and end, so that any moment is a point of the map. `truth`
    and `answer` are (start, end) in seconds; without an answer the highest score is marked. Cells without a
    candidate are hatched, impossible ones (end before start) pale. Raises InputError for scores that do not
    fit the candidates, and for a truth or an answer that is no moment of the video.
    """
    grid = _grid(moments, scores, label)
    N, step = len(grid), duration / len(grid)
    name = f"highest {label}" if answer is None else "answer"
    ax = new_axes(size=(6, 4.9))[1][0, 0] if ax is None else ax
    edges = (step / 2, duration + step / 2, duration - step / 2, -step / 2)  # left, right, bottom, top
    hole = Rectangle((0, 0), 1, 1, transform=ax.transAxes, fc=HOLE, ec="#AAAAAA", hatch="/////", lw=0, zorder=-1)
    ax.add_patch(hole)
    impossible = np.ma.masked_equal(np.tril(np.ones((N, N)), -1), 0)
    ax.imshow(impossible, extent=edges, cmap=mpl.colors.ListedColormap([IMPOSSIBLE]))
    image = ax.imshow(np.ma.masked_invalid(grid), extent=edges, cmap=SCORES)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9)
    if truth is not None:
        start, end = _span(truth, duration, "truth")
        side = max(step, duration / 32)  # the cell, or what can be seen on a fine map
        for look in (
            {"ec": "white", "lw": 4},
            {"ec": TRUTH, "lw": 2.2, "label": "truth"},
        ):  # a rim for contrast
            ax.add_patch(Rectangle((end - side / 2, start - side / 2), side, side, fill=False, **look))
    start, end = _best(moments, scores, duration) if answer is None else _span(answer, duration, "answer")
    ax.plot(end, start, "*", ms=12, mfc="white", mec="black", ls="none", label=name)
    if np.isnan(grid[np.triu_indices(N)]).any():
        hole.set_label("no candidate")
    ax.set(xlabel="end (seconds)", ylabel="start (seconds)", xlim=edges[:2], ylim=edges[2:])
    ax.legend(loc="lower left")  # in the impossible half
    return ax.figure


def map_figure(
    moments: Moments, scores, duration: float, truth=None, answer=None, iou=None, title: str = ""
) -> go.Figure:
    """Make plot_map's figure for the page: hovering tells start, end, score and, if given, IoU (P,)."""
    grid = _grid(moments, scores, "score")
    N, step = len(grid), duration / len(grid)
    known_iou = "" if iou is None else "<br>IoU %{customdata:.2f}"
    cells = {"x": np.arange(1, N + 1) * step, "y": np.arange(N) * step, "hoverongaps": False}
    place = "start %{y:.1f} s<br>end %{x:.1f} s"
    figure = go.Figure()
    holes = np.where(np.isnan(grid) & np.triu(np.ones((N, N), bool)), 1.0, np.nan)
    if (holes == 1).any():
        flat = {
            "colorscale": [HOLE, HOLE],
            "showscale": False,
            "hovertemplate": f"{place}<extra>no candidate</extra>",
        }
        figure.add_heatmap(z=holes, name="no candidate", **cells, **flat)
    figure.add_heatmap(
        z=grid,
        name="score",
        customdata=None if iou is None else _grid(moments, iou, "IoU"),
        hovertemplate=f"{place}<br>score %{{z:.3f}}{known_iou}<extra></extra>",
        colorscale=SCORES,
        colorbar={"title": "score"},
        **cells,
    )
    answer = _best(moments, scores, duration) if answer is None else answer
    square = {"symbol": "square-open", "size": 15, "color": TRUTH, "line": {"width": 3}}
    star = {"symbol": "star", "size": 13, "color": "white", "line": {"color": "black", "width": 1}}
    for name, span, marker in (("truth", truth, square), ("answer", answer, star)):
        if span is not None:
            start, end = _span(span, duration, name)
            text = f"{name}: {start:.1f} – {end:.1f} s<extra></extra>"
            figure.add_scatter(x=[end], y=[start], mode="markers", name=name, marker=marker, hovertemplate=text)
    ends, starts = [step / 2, duration + step / 2], [duration - step / 2, -step / 2]  # start grows downwards
    figure.update_xaxes(title="end (seconds)", range=ends, constrain="domain", showgrid=False, zeroline=False)
    figure.update_yaxes(
        title="start (seconds)",
        range=starts,
        constrain="domain",
        showgrid=False,
        zeroline=False,
        scaleanchor="x",
    )
    margin = {"l": 60, "r": 20, "t": 50 if title else 20, "b": 55}
    figure.update_layout(template="plotly_white", paper_bgcolor="white", plot_bgcolor=IMPOSSIBLE, title=title)
    figure.update_layout(width=560, height=480, margin=margin, legend={"x": 0.02, "y": 0.02, "yanchor": "bottom"})
    return figure


@mpl.rc_context(STYLE)
def plot_timeline(events: Sequence[tuple], duration: float, ax: Axes | None = None) -> Figure:
    """Draw who does what when, each row label in its own row, in order of appearance.

    Events are (row label, start, end, text, colour), in seconds. Raises InputError where one is not within
    the video.
    """
    rows = list(dict.fromkeys(event[0] for event in events))
    ax = new_axes(size=(10, 0.9 + 0.55 * len(rows)))[1][0, 0] if ax is None else ax
    for row, start, end, text, colour in events:
        start, end = _span((start, end), duration, f"{row}, “{text}”")
        y = rows.index(row)
        ax.barh(y, end - start, 0.8, left=start, color=colour, edgecolor="white", linewidth=1.5)
        letters = max(5, int((end - start) / duration * 118))  # that fit into the bar's width
        red, green, blue = mpl.colors.to_rgb(colour)
        ink = INK if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        lines = textwrap.fill(text, letters, break_long_words=False)
        ax.text((start + end) / 2, y, lines, color=ink, ha="center", va="center", fontsize=8, clip_on=True)
    ax.set(xlabel="time (seconds)", xlim=(0, duration), yticks=range(len(rows)), yticklabels=rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=GRID)
    ax.set_axisbelow(True)
    return ax.figure
