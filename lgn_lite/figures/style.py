"""The style of all figures: colours, matplotlib's settings, how compared models differ, and what figures share.

A colour never says a thing alone: position, label, and a hatch or a marker say it too.
"""

import io
from collections.abc import Iterable, Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito's palette: its colours stay apart for colour-blind readers
GROUND_TRUTH, BASELINE, OURS = "#009E73", "#E69F00", "#0072B2"
GUIDE = "#D55E00"  # the sentence at work: arrows, units and gates
SCORES = "viridis"  # colormap of scores: low is dark, also in grey print; it has no grey, which means a hole
HOLE, IMPOSSIBLE, INK, GRID = "#E4E4E4", "#F8F8F8", "#222222", "#DDDDDD"

# On a dark page: what becomes of the colours that are no model's, word's or ground truth's, of both ends and the middle
# of a difference, and of black and white, which figures also spell as names where they stay what they are
DARK = {
    "#ffffff": "#1b1e22", IMPOSSIBLE.lower(): "#282c32", HOLE.lower(): "#4a515a", GRID.lower(): "#3a3f46",
    "#bbbbbb": "#5c636c", "#6e6e6e": "#9a9fa6", "#555555": "#a5a9ae", INK: "#e4e4e4", "#000000": "#e4e4e4",
    "#8a4b00": "#ffe0a8", "#00304f": "#bfe3fa",
}  # fmt: skip

STYLE = {
    "figure.facecolor": "white",  # opaque: legible on a dark page too
    "savefig.facecolor": "white",
    "savefig.pad_inches": 0.15,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "lines.linewidth": 1.8,
}


def style() -> None:
    """Set matplotlib to the course's style, for the reader's own figures; the package's use it anyway."""
    mpl.rcParams.update(STYLE)


def small_png(figure: Figure) -> bytes:
    """The figure as a PNG file of 256 colours, a third of the size: a notebook keeps it each time a cell is run."""
    large, small = io.BytesIO(), io.BytesIO()
    figure.savefig(large, format="png", bbox_inches="tight", facecolor="white")
    # The palette that keeps small things' colours, moved to the middle of what each colour stands for
    method = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 3, "dither": Image.Dither.NONE}
    palette = Image.open(large).convert("RGB").quantize(256, **method)
    palette.save(small, format="png", optimize=True)
    return small.getvalue()


def model_styles(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Give each name color, hatch and marker: "ground truth" and "baseline" have their own, the last other is ours."""
    table = {"ground truth": (GROUND_TRUTH, "", "D"), "baseline": (BASELINE, "///", "s")}
    spare = [
        ("#56B4E9", "\\\\\\", "^"),
        ("#CC79A7", "xxx", "v"),
        ("#F0E442", "---", "P"),
        ("#7F7F7F", "+++", "X"),
    ]
    others = [name for name in names if name.lower() not in table]
    table |= {name: spare[i % len(spare)] for i, name in enumerate(others)}
    table |= dict.fromkeys(others[-1:], (OURS, "...", "o"))
    keys = ("color", "hatch", "marker")
    return {n: dict(zip(keys, table.get(n) or table[n.lower()], strict=True)) for n in names}


def fill(model_style: Mapping[str, str]) -> dict[str, str]:
    """The settings of a bar in one of `model_styles`."""
    return {"color": model_style["color"], "hatch": model_style["hatch"], "edgecolor": "white"}


def new_axes(rows: int = 1, columns: int = 1, size: tuple[float, float] = (9, 4), **settings):
    """Make a figure and its array of axes, unknown to pyplot: a notebook would show it twice."""
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **settings)
    plt.close(figure)
    return figure, axes


def draw_grid(ax: Axes, axis: str) -> None:
    """Grid lines across one axis, behind what is drawn."""
    ax.grid(axis=axis, color=GRID)
    ax.set_axisbelow(True)


def draw_rows(ax: Axes, labels: Sequence[str], above: float = 0.5, below: float = 0.5) -> None:
    """Set the y axis to one row per label, the first on top, with this much room above the first and below the last."""
    ax.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 1 + below, -above))
    ax.tick_params(axis="y", length=0)
    draw_grid(ax, "x")


def draw_span(ax: Axes, y: float, span, duration: float, height: float, room: float, iou=None, **bar) -> None:
    """Draw a moment as a bar with its seconds next to it: on its right, else on its left, else on it.

    Args:
        ax: where to draw.
        y: height of the bar's middle.
        span: (start, end), seconds.
        duration: of the video, seconds.
        height: of the bar.
        room: what the text of the seconds takes, as a fraction of the video.
        iou: IoU, written on the right of the axes; None writes nothing.
        bar: further settings of the bar, such as those of `fill`.
    """
    start, end = span
    ax.barh(y, end - start, height, left=start, **bar)
    if end < (1 - room) * duration:
        position = {"x": end + 0.008 * duration, "ha": "left"}
    elif start > room * duration:
        position = {"x": start - 0.008 * duration, "ha": "right"}
    else:
        position = {"x": (start + end) / 2, "ha": "center", "bbox": {"fc": "white", "ec": "none", "pad": 1}}
    ax.text(y=y, s=f"{start:.1f} – {end:.1f} s", va="center", fontsize=9, **position)
    if iou is not None:
        ax.text(1.01, y, f"IoU {iou:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=9)


def to_array(values) -> np.ndarray:
    """Turn a tensor of any device or precision, an array, or a list into a float array."""
    return torch.as_tensor(values).detach().float().cpu().numpy()
