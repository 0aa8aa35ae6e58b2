"""Figures of single lessons: one function a figure, in the look of all others."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from lgn_lite.look import GRID, INK, OURS, SCORES, STYLE, new_axes, to_array


@mpl.rc_context(STYLE)
def plot_spans(spans: Mapping[str, object], grid: int = 20) -> Figure:
    """Draw where moments lie, {data set: spans (Q, 2) as fractions of the video}: a map and lengths for each.

    The map has the end on the x axis and the start on the y axis downwards, as the 2D temporal map has, and
    counts the moments in cells of 1/grid; a cell without any is white.
    """
    figure, axes = new_axes(len(spans), 2, size=(9.5, 3.7 * len(spans)), width_ratios=(1, 1.15))
    edges = np.linspace(0, 1, grid + 1)
    for (left, right), (name, values) in zip(axes, spans.items(), strict=True):
        starts, ends = to_array(values).T
        counts = np.histogram2d(starts, ends, (edges, edges))[0] / len(starts) * 100  # (start, end)
        image = left.pcolormesh(edges, edges, np.ma.masked_equal(counts, 0), cmap=SCORES)
        figure.colorbar(image, ax=left, label="percent of the moments")
        left.plot((0, 1), (0, 1), color="#777777", linewidth=1)
        left.text(0.3, 0.7, "end before start", color="#777777", ha="center", fontsize=9)
        left.set(xlabel="end (fraction of the video)", ylabel="start (fraction of the video)", aspect="equal")
        left.set(title=f"{name}: {len(starts):,} moments", xlim=(0, 1), ylim=(1, 0))
        weights = np.full(len(starts), 100 / len(starts))
        right.hist(ends - starts, np.linspace(0, 1, 41), weights=weights, color=OURS, edgecolor="white", lw=0.5)
        median = np.median(ends - starts)
        right.axvline(median, color=INK, linestyle="--", linewidth=1.2, label=f"median {median:.2f}")
        right.set(xlabel="length (fraction of the video)", ylabel="percent of the moments", xlim=(0, 1))
        right.grid(axis="y", color=GRID)
        right.set_axisbelow(True)
        right.legend()
    return figure
