"""Figures of a query and its video: the paper's Figure 3, and a toy video's script.

Here and in the folder's other modules, each function takes arrays or tensors and returns its Figure; showing it is
left to the caller.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lgn_lite.errors import InputError
from lgn_lite.figures.maps import moment_span
from lgn_lite.figures.style import GROUND_TRUTH, INK, STYLE, draw_rows, draw_span, fill, model_styles, new_axes
from lgn_lite.moments import interval_iou
from lgn_lite.video.frames import read_frames


@mpl.rc_context(STYLE)
def plot_retrieval(
    frames,
    times,
    duration: float,
    sentence: str,
    bars: Mapping[str, tuple[float, float]],
    ax: Axes | None = None,
) -> Figure:
    """Draw one query, its video and the predictions for it, as in the paper's Figure 3.

    Args:
        frames: (T, h, w, 3) uint8; at most twelve are shown, each centred at its own time. None, if there is no
            video file, draws the bars alone.
        times: (T,) of the frames, seconds.
        duration: of the video, seconds.
        sentence: the title.
        bars: {label: (start, end)} in seconds, from top to bottom; with a bar "ground truth", the others get their
            IoU.
        ax: where to draw; None makes a new figure.

    Returns:
        The figure.

    Raises:
        InputError: for times that do not fit the frames, and for a bar that is not a moment of the video.
    """
    bars = {label: moment_span(span, duration, label) for label, span in bars.items()}
    row, strip_height, left, right = 0.034 * duration, 0.0, 0.0, duration
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
        strip_height = size * height / width
        left, right = min(0, times[shown[0]] - size / 2), max(duration, times[shown[-1]] + size / 2)
    alone = ax is None
    ax = new_axes()[1][0, 0] if alone else ax
    if frames is not None:
        for t, frame in zip(times[shown], frames[shown], strict=True):
            ax.imshow(frame, extent=(t - size / 2, t + size / 2, 0, strip_height))
    at = {label: -(i + 0.8) * row for i, label in enumerate(bars)}
    for label, style in model_styles(bars).items():
        iou = None
        if "ground truth" in bars and label != "ground truth":
            iou = interval_iou(torch.tensor(bars[label]), torch.tensor(bars["ground truth"])).item()
        draw_span(ax, at[label], bars[label], duration, 0.66 * row, 0.13, iou, **fill(style))
    if "ground truth" in bars:
        line = {"color": GROUND_TRUTH, "linestyle": "--", "lw": 1.4, "clip_on": False}
        ax.vlines(bars["ground truth"], at["ground truth"] + 0.33 * row, strip_height, **line)
    ax.set(
        title=textwrap.fill(f"“{sentence}”", 95),
        xlabel="time (seconds)",
        xlim=(left, right),
        ylim=(-(len(bars) + 0.35) * row, strip_height),
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


@mpl.rc_context(STYLE)
def plot_timeline(events: Sequence[tuple], duration: float, ax: Axes | None = None) -> Figure:
    """Draw who does what when, each row label in its own row, in order of appearance.

    Events are (row label, start, end, text, colour), in seconds; those of one row that overlap share its height.
    Raises InputError if one is not within the video.
    """
    rows = list(dict.fromkeys(event[0] for event in events))
    lanes = {row: _lanes([event[1:3] for event in events if event[0] == row]) for row in rows}
    heights = {row: 0.8 / max(1 + lane for lane in lanes[row].values()) for row in rows}
    if ax is None:
        ax = new_axes(size=(10, 0.9 + 0.55 * max(0.8 / height for height in heights.values()) * len(rows)))[1][0, 0]
    for row, start, end, text, colour in events:
        lane, height = lanes[row][start, end], heights[row]
        start, end = moment_span((start, end), duration, f"{row}, “{text}”")
        y = rows.index(row) - 0.4 + (lane + 0.5) * height
        ax.barh(y, end - start, height, left=start, color=colour, edgecolor="white", linewidth=1.5)
        letters = max(5, int((end - start) / duration * 118))  # that fit into the bar's width
        red, green, blue = mpl.colors.to_rgb(colour)
        ink = INK if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        lines = textwrap.fill(text, letters, break_long_words=False)
        ax.text((start + end) / 2, y, lines, color=ink, ha="center", va="center", fontsize=8, clip_on=True)
    ax.set(xlabel="time (seconds)", xlim=(0, duration))
    draw_rows(ax, rows)
    return ax.figure


def _lanes(spans: Sequence[tuple[float, float]]) -> dict[tuple[float, float], int]:
    """For each interval the first lane that is free when it begins."""
    free: list[float] = []  # when each lane is
    found = {}
    for start, end in sorted(spans):
        lane = next((lane for lane, until in enumerate(free) if until <= start), len(free))
        free[lane : lane + 1] = [end]
        found[start, end] = lane
    return found


def frame_strip(
    path: str | Path, duration: float, count: int = 9, through: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Frames of a video for plot_retrieval, equally far apart.

    Args:
        path: of the video file.
        duration: of the video, seconds.
        count: how many frames.
        through: a time, seconds, that one of the frames shows (to a twentieth of their distance); None: the frames are
            from the middles of equal parts. A strip that passes through the middle of a moment cannot miss it.

    Returns:
        Frames (count, 96, 96, 3) uint8, and their times (count,) in seconds.

    Raises:
        InputError: if `through` is not within the video, or the file is not readable.
    """
    if through is not None and not 0 <= through <= duration:
        raise InputError(f"through={through:g} s: the video lasts {duration:g} s")
    parts = 2 if through is None else 20  # reading times from one frame of the strip to the next
    rate = parts * count / duration
    first = 1 if through is None else round(float(through) * rate) % parts
    frames, times = read_frames(path, rate, (96, 96))
    return frames[first::parts][:count], times[first::parts][:count]
