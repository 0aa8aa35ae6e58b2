"""The diagram of the model, the paper's Figure 2 redrawn: each notebook highlights the part that it builds.

The upper lane is the sentence, the lower one the video; arrows of the guide colour are the sentence at work.
"""

from collections.abc import Collection
from itertools import pairwise

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from lgn_lite.errors import InputError
from lgn_lite.figures.style import BASELINE, GROUND_TRUTH, GUIDE, INK, OURS, SCORES, STYLE, new_axes

DIAGRAM_PARTS = ("video", "features", "sentence", "early", "map", "fusion", "convolution", "late", "scores")
VIDEO_LANE, SENTENCE_LANE, BUS = 2.0, 3.9, 3.15  # heights of the lanes' middles and of f_s's line, in inches
WORDS = (
    "Diagram of LGN. The video's frames pass VGG with its layers fc6 and fc7, moment pooling, the 2D map, fusion and "
    "the map convolution, and become scores; the best candidate is the prediction. The sentence's word vectors pass an "
    "LSTM and become f_s, from which arrows lead to early modulation (fc6, fc7), to fusion, and to late guidance (map "
    "convolution)."
)
RED, BLUE = "#C8442E", "#3B6FB6"  # the figures of a toy video


class DiagramPen:
    """Draws in inches on one axes; parts that are not lit come out pale."""

    def __init__(self, ax: Axes, lit: Collection[str]) -> None:
        self.ax, self.lit = ax, lit

    def tone(self, part: str, colour) -> np.ndarray:
        """The colour (3,) in which the part is drawn: mostly white if it is not lit."""
        rgb = np.array(mpl.colors.to_rgb(colour))
        return rgb if part in self.lit else 1 - (1 - rgb) * 0.3

    def text(self, part: str, x: float, y: float, words: str, size: float = 9, colour=INK, **settings) -> None:
        settings = {"ha": "center", "va": "center", "linespacing": 1.25} | settings
        self.ax.text(x, y, words, fontsize=size, color=self.tone(part, colour), **settings)

    def box(self, part: str, x: float, y: float, w: float, h: float, words: str, colour, size: float = 9) -> None:
        """A box with its middle at (x, y), filled with a tint of its colour."""
        tint = 1 - (1 - np.array(mpl.colors.to_rgb(colour))) * 0.18
        shape = FancyBboxPatch((x - w / 2, y - h / 2), w, h, boxstyle="round,pad=0,rounding_size=0.07", zorder=3)
        shape.set(facecolor=self.tone(part, tint), edgecolor=self.tone(part, colour), linewidth=1.4)
        self.ax.add_patch(shape)
        self.text(part, x, y, words, size, zorder=4)

    def arrow(self, part: str, *points: tuple[float, float], colour=INK) -> None:
        """A line through the points with a head at the last; lit lines lie over pale ones."""
        line = {"color": self.tone(part, colour), "linewidth": 1.8 if colour == GUIDE else 1.3}
        line["zorder"] = 2.5 if part in self.lit else 2
        for a, b in pairwise(points[:-1]):
            self.ax.plot(*zip(a, b, strict=True), solid_capstyle="projecting", **line)
        head = {"arrowstyle": "-|>", "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0}
        self.ax.add_patch(FancyArrowPatch(*points[-2:], **head, **line))

    def guide(self, part: str, x: float, y: float) -> None:
        """The sentence's way from f_s along its line and down to (x, y)."""
        self.arrow(part, (4.2, SENTENCE_LANE - 0.275), (4.2, BUS), (x, BUS), (x, y), colour=GUIDE)

    def unit(self, part: str, x: float, y: float) -> None:
        """A round unit in which the sentence scales the channels."""
        circle = Circle((x, y), 0.15, facecolor=self.tone(part, "#FBE3D3"), edgecolor=self.tone(part, GUIDE))
        circle.set(linewidth=1.6, zorder=4)
        self.ax.add_patch(circle)
        self.text(part, x, y, "×", 13, GUIDE, zorder=5)
        self.guide(part, x, y + 0.15)

    def triangle(self, part: str, x: float, y: float, side: float, values: np.ndarray, cmap: str) -> None:
        """A small 2D temporal map (N, N): the upper right half has the candidates."""
        N, step = len(values), side / len(values)
        colours = mpl.colormaps[cmap](values)
        frame = Rectangle((x - side / 2, y - side / 2), side, side, facecolor=self.tone(part, "#F3F3F3"), zorder=3)
        self.ax.add_patch(frame)
        for i, j in zip(*np.triu_indices(N), strict=True):
            corner = (x - side / 2 + j * step, y + side / 2 - (i + 1) * step)
            face = self.tone(part, colours[i, j, :3])
            self.ax.add_patch(Rectangle(corner, step, step, facecolor=face, edgecolor="white", lw=0.8, zorder=4))


@mpl.rc_context(STYLE)
def draw_model(lit: Collection[str] | None = None) -> Figure:
    """Draw LGN from video and sentence to the prediction; with `lit`, all but those parts are pale.

    The parts are named in DIAGRAM_PARTS; None lights all. Raises InputError for a part of another name.
    """
    lit = DIAGRAM_PARTS if lit is None else lit
    if unknown := set(lit) - set(DIAGRAM_PARTS):
        raise InputError(
            f"no part {', '.join(sorted(unknown))} in the drawing; the parts are {', '.join(DIAGRAM_PARTS)}"
        )
    figure, ((ax,),) = new_axes(size=(12, 4.5))
    figure.set_layout_engine("none")  # inches: nothing may move
    strong = [part for part in DIAGRAM_PARTS if part in lit]
    figure.set_label(WORDS if len(strong) == len(DIAGRAM_PARTS) else f"{WORDS} Highlighted: {', '.join(strong)}.")
    ax.set(position=(0, 0, 1, 1), xlim=(0, 12), ylim=(0, 4.5))
    ax.axis("off")
    pen = DiagramPen(ax, lit)
    _sentence(pen)
    _features(pen)
    _map_and_fusion(pen)
    _localiser(pen)
    return figure


def _sentence(pen: DiagramPen) -> None:
    y = SENTENCE_LANE
    pen.text("sentence", 0.2, y + 0.42, "sentence", 9.5, weight="bold", ha="left")
    pen.text("sentence", 0.2, y, "“the red circle\nholds a flag”", 9, ha="left", linespacing=1.5)
    pen.arrow("sentence", (1.3, y), (1.6, y))
    pen.box("sentence", 2.05, y, 0.9, 0.55, "word\nvectors", GUIDE)
    pen.arrow("sentence", (2.5, y), (2.8, y))
    pen.box("sentence", 3.2, y, 0.8, 0.55, "LSTM", GUIDE)
    pen.arrow("sentence", (3.6, y), (3.9, y))
    pen.box("sentence", 4.2, y, 0.6, 0.55, "$f_s$", GUIDE, 13)


def _features(pen: DiagramPen) -> None:
    y = VIDEO_LANE
    pen.text("video", 0.2, y + 0.85, "video", 9.5, weight="bold", ha="left")
    for k in range(3):  # frames of a toy video, the last in front
        x, low = 0.2 + 0.13 * k, y - 0.2 - 0.13 * k
        edge = {"edgecolor": pen.tone("video", "#777777"), "linewidth": 1, "zorder": 2 + k}
        pen.ax.add_patch(Rectangle((x, low), 0.85, 0.75, facecolor=pen.tone("video", "#EEF1F4"), **edge))
    circle = Circle((x + 0.26, low + 0.28), 0.13, color=pen.tone("video", RED), zorder=6)
    square = Rectangle((x + 0.5, low + 0.14), 0.24, 0.24, color=pen.tone("video", BLUE), zorder=6)
    corners = [(0.39, 0.34), (0.39, 0.66), (0.56, 0.57), (0.39, 0.48)]
    flag = Polygon([(x + dx, low + dy) for dx, dy in corners], color=pen.tone("video", BASELINE), zorder=6)
    for patch in (circle, square, flag):
        pen.ax.add_patch(patch)
    pen.text("video", 0.78, y - 0.7, "frames", 8.5)

    pen.arrow("features", (1.37, y), (1.62, y))
    pen.box("features", 1.98, y, 0.72, 1.0, "VGG\nconv\nblocks", OURS)
    pen.arrow("features", (2.34, y), (2.6, y))
    pen.box("features", 2.86, y, 0.52, 1.0, "fc6", OURS)
    pen.arrow("features", (3.12, y), (3.36, y))
    pen.arrow("features", (3.66, y), (3.9, y))
    pen.box("features", 4.16, y, 0.52, 1.0, "fc7", OURS)
    pen.arrow("features", (4.42, y), (4.66, y))
    for x in (3.51, 4.81):
        pen.unit("early", x, y)
    pen.text("early", 4.16, BUS - 0.3, "$W_M f_s$", 9, GUIDE)
    pen.text("early", 4.16, y - 0.68, "early modulation (eq. 2)", 8.5, GUIDE)


def _map_and_fusion(pen: DiagramPen) -> None:
    y = VIDEO_LANE
    pen.arrow("map", (4.96, y), (5.22, y))
    pen.box("map", 5.57, y, 0.7, 1.0, "moment\npooling", GROUND_TRUTH)
    pen.arrow("map", (5.92, y), (6.14, y))
    steps = np.add.outer(np.arange(6), -np.arange(6)) / -5  # a moment's length
    pen.triangle("map", 6.57, y, 0.86, 0.25 + 0.55 * steps, "Greens")
    pen.text("map", 6.57, y + 0.62, "2D map", 8.5)
    pen.text("map", 6.57, y - 0.58, "start ↓ · end →", 7.5)

    pen.arrow("fusion", (7.0, y), (7.26, y))
    pen.box("fusion", 7.62, y, 0.72, 1.0, "fusion\nFC ∘ FC\nL2 norm", "#7A5195", 8.5)
    pen.guide("fusion", 7.62, y + 0.5)


def _localiser(pen: DiagramPen) -> None:
    y = VIDEO_LANE
    pen.arrow("convolution", (7.98, y), (8.24, y))
    for x, words in ((8.48, "conv"), (9.68, "conv")):
        pen.box("convolution", x, y, 0.48, 1.0, words, OURS, 8.5)
    pen.arrow("convolution", (8.72, y), (8.94, y))
    pen.arrow("convolution", (9.24, y), (9.44, y))
    pen.arrow("convolution", (9.92, y), (10.12, y))
    pen.text("convolution", 9.36, y - 0.68, "map convolution", 8.5)
    for x in (9.09, 10.27):
        pen.unit("late", x, y)
    pen.text("late", 9.36, y - 0.9, "late guidance (eq. 3), the last $K$ layers", 8.5, GUIDE)
    pen.text("late", 9.68, BUS - 0.3, "$α = W'_M f_s$", 9, GUIDE)

    pen.arrow("scores", (10.42, y), (10.68, y))
    distance = np.hypot(*np.meshgrid(np.arange(6) - 4.2, np.arange(6) - 2.8))  # from the best moment
    pen.triangle("scores", 11.22, y, 1.0, np.exp(-(distance**2) / 3), SCORES)
    pen.text("scores", 11.22, y + 0.68, "scores", 8.5)

    pen.arrow("scores", (10.95, y - 0.54), (10.95, 0.66))
    low, left, width = 0.4, 9.0, 2.85  # the video's time axis; the prediction is the map's best cell, (3, 4) of 6
    for x, w, colour in ((left, width, "#E4E4E4"), (left + width * 3 / 6, width * 2 / 6, OURS)):
        face = pen.tone("scores", colour)
        pen.ax.add_patch(Rectangle((x, low), w, 0.2, facecolor=face, zorder=3))
    pen.text("scores", left - 0.15, low + 0.1, "prediction", 9.5, weight="bold", ha="right")
    pen.text("scores", left + width * 4 / 6, low - 0.16, "the best candidate (eq. 1)", 8.5)
    pen.text("scores", left, low - 0.16, "0 s", 7.5, ha="left")
    words = "training: labels from the overlap (eq. 4), binary cross entropy (eq. 5)"
    pen.text("scores", 0.2, low + 0.1, words, 8.5, ha="left")
