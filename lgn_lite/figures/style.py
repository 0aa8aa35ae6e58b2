"""The look of all figures: colours, matplotlib's settings, and how the models of a comparison are told apart.

A colour never tells a thing alone: its place, its label, and a hatch or a marker tell it too.
"""

from collections.abc import Iterable

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

# Okabe and Ito's palette: its colours stay apart for colour-blind readers
TRUTH, BASELINE, OURS = "#009E73", "#E69F00", "#0072B2"
GUIDE = "#D55E00"  # the sentence at work: arrows, units and gates
SCORES = "viridis"  # colormap of scores: low is dark, also in grey print; it has no grey, which means a hole
HOLE, IMPOSSIBLE, INK, GRID = "#E4E4E4", "#F8F8F8", "#222222", "#DDDDDD"

STYLE = {
    "figure.facecolor": "white",  # opaque: legible on a dark page too
    "savefig.facecolor": "white",
    "savefig.pad_inches": 0.15,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
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
    """Set matplotlib to the course's look, for the reader's own figures; the package's have it anyway."""
    mpl.rcParams.update(STYLE)


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Give each name color, hatch and marker: truth and baseline have their own, the last other is ours."""
    table = {"truth": (TRUTH, "", "D"), "baseline": (BASELINE, "///", "s")}
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


def new_axes(rows: int = 1, columns: int = 1, size: tuple[float, float] = (9, 4), **settings):
    """Make a figure and its array of axes, unknown to pyplot: a notebook would show it twice."""
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **settings)
    plt.close(figure)
    return figure, axes


def to_array(values) -> np.ndarray:
    """Turn a tensor of any device or precision, an array, or a list into a float array."""
    return torch.as_tensor(values).detach().float().cpu().numpy()
