"""Drawings of what the videos of the real data sets look like: no frame of theirs, only their kind.

Each scene is drawn in the unit square, y upwards, from a few shapes; `SCENES` holds two for each data set.
"""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch, Polygon, Rectangle

from lgn_lite.figures.style import INK, new_axes

SKIN, HAIR, WOOD, STEEL, CLOTH, JEANS = "#E8B98F", "#4A3427", "#B98B5E", "#B8BEC4", "#B5483A", "#3E5A86"


def _limb(ax: Axes, *points: tuple[float, float], color: str = SKIN, width: float = 5) -> None:
    ax.plot(*zip(*points, strict=True), color=color, lw=width, solid_capstyle="round", solid_joinstyle="round")


def _shapes(ax: Axes, *shapes: object) -> None:
    for shape in shapes:
        ax.add_patch(shape)


def _room(ax: Axes) -> None:
    """A living room as a phone films it: wall, floor, window, lamp, sofa, door."""
    _shapes(
        ax,
        Rectangle((0, 0.3), 1, 0.7, fc="#E9E0D0"),
        Rectangle((0, 0), 1, 0.3, fc="#A98C6B"),
        Rectangle((0.08, 0.6), 0.22, 0.26, fc="#CFE6F5", ec="white", lw=3),
        Rectangle((0.74, 0.2), 0.2, 0.64, fc=WOOD, ec="#8A6844"),
        Circle((0.77, 0.5), 0.012, fc="#F0D060"),
        FancyBboxPatch((0.1, 0.2), 0.4, 0.2, "round,pad=0.02", fc="#6C8F7A", ec="#557262"),
        FancyBboxPatch((0.1, 0.17), 0.4, 0.1, "round,pad=0.02", fc="#7FA58E", ec="#557262"),
        Polygon([(0.555, 0.72), (0.645, 0.72), (0.62, 0.82), (0.58, 0.82)], fc="#F3D98B"),
    )
    _limb(ax, (0.6, 0.72), (0.6, 0.2), color="#777777", width=2)


def _sitting_reader(ax: Axes) -> None:
    """Charades-STA: a person on a sofa with a book."""
    _room(ax)
    _limb(ax, (0.34, 0.33), (0.47, 0.31), (0.47, 0.13), color=JEANS, width=8)
    _shapes(ax, FancyBboxPatch((0.28, 0.33), 0.1, 0.2, "round,pad=0.02", fc=CLOTH), Circle((0.33, 0.63), 0.06, fc=SKIN))
    _shapes(ax, Ellipse((0.325, 0.66), 0.13, 0.08, fc=HAIR))
    _limb(ax, (0.36, 0.5), (0.42, 0.42), (0.47, 0.48))
    _shapes(ax, Polygon([(0.44, 0.46), (0.5, 0.44), (0.5, 0.56), (0.44, 0.58)], fc="#F7F4EA", ec=INK))
    _shapes(ax, Polygon([(0.5, 0.44), (0.56, 0.46), (0.56, 0.58), (0.5, 0.56)], fc="#F7F4EA", ec=INK))


def _door(ax: Axes) -> None:
    """Charades-STA: the person at the door."""
    _room(ax)
    _shapes(
        ax,
        Rectangle((0.74, 0.2), 0.2, 0.64, fc="#3B4048"),
        Polygon([(0.94, 0.2), (0.99, 0.14), (0.99, 0.9), (0.94, 0.84)], fc=WOOD),
    )
    _limb(ax, (0.67, 0.36), (0.66, 0.22), (0.64, 0.08), color=JEANS, width=7)
    _limb(ax, (0.71, 0.36), (0.73, 0.22), (0.74, 0.08), color=JEANS, width=7)
    _shapes(
        ax, FancyBboxPatch((0.65, 0.38), 0.08, 0.2, "round,pad=0.02", fc=CLOTH), Circle((0.69, 0.69), 0.06, fc=SKIN)
    )
    _shapes(ax, Ellipse((0.685, 0.72), 0.13, 0.08, fc=HAIR))
    _limb(ax, (0.74, 0.56), (0.84, 0.5), (0.95, 0.52))


def _kitchen(ax: Axes) -> None:
    """A kitchen counter from a fixed camera above it: hob, sink, board, drawers; the cook stands at the lower edge."""
    _shapes(ax, Rectangle((0, 0), 1, 1, fc="#8F8A82"), Rectangle((0, 0.34), 1, 0.66, fc="#D9D2C5"))
    _shapes(
        ax,
        Rectangle((0.04, 0.5), 0.26, 0.42, fc="#2E3136"),
        FancyBboxPatch((0.7, 0.52), 0.24, 0.36, "round,pad=0.02", fc=STEEL, ec="#8A9096"),
    )
    _shapes(ax, *(Circle((x, y), 0.05, fc="none", ec="#C0563F", lw=2) for x in (0.11, 0.23) for y in (0.6, 0.81)))
    _shapes(ax, FancyBboxPatch((0.73, 0.55), 0.18, 0.25, "round,pad=0.02", fc="#8E979E"))
    _limb(ax, (0.82, 0.93), (0.82, 0.78), color="#E5E8EA", width=5)
    for x in (0.02, 0.35, 0.68):
        _shapes(ax, Rectangle((x, 0.24), 0.3, 0.09, fc="#C8BFAF", ec="#9A9184"))
        _limb(ax, (x + 0.11, 0.285), (x + 0.19, 0.285), color="#777777", width=2)
    _shapes(ax, Rectangle((0.37, 0.47), 0.27, 0.24, fc="#D8B27C", ec="#A8834F"))


def _cook(ax: Axes, x: float, *hands: tuple[float, float]) -> None:
    """A person from above: shoulders, hair, arms to the hands."""
    for side, hand in zip((-0.13, 0.13), hands, strict=True):
        _limb(ax, (x + side, 0.16), (x + side, 0.32), hand, color=CLOTH, width=9)
        _shapes(ax, Circle(hand, 0.028, fc=SKIN))
    _shapes(ax, Ellipse((x, 0.13), 0.36, 0.17, fc=CLOTH), Circle((x, 0.14), 0.085, fc=HAIR))


def _cutting(ax: Axes) -> None:
    """TACoS: cutting a carrot on the board."""
    _kitchen(ax)
    _shapes(ax, Polygon([(0.41, 0.6), (0.54, 0.63), (0.54, 0.57)], fc="#EE8A2E"))
    _shapes(ax, *(Circle((0.57 + 0.025 * k, 0.6), 0.017, fc="#F6A04D", ec="#C96A18") for k in range(3)))
    _cook(ax, 0.5, (0.46, 0.55), (0.56, 0.51))
    _shapes(ax, Polygon([(0.555, 0.53), (0.545, 0.68), (0.565, 0.68)], fc="#F4F6F8", ec="#666666"))


def _drawer(ax: Axes) -> None:
    """TACoS: taking something out of a drawer."""
    _kitchen(ax)
    _shapes(ax, Rectangle((0.68, 0.16), 0.3, 0.17, fc="#6E675C", ec="#9A9184"))
    for k in range(4):
        _limb(ax, (0.73 + 0.06 * k, 0.19), (0.73 + 0.06 * k, 0.3), color="#DDE1E4", width=2)
    _cook(ax, 0.46, (0.42, 0.42), (0.73, 0.27))


def _track(ax: Axes) -> None:
    """A sports ground: sky, grass, the bar of a high jump, a mat."""
    _shapes(ax, Rectangle((0, 0.42), 1, 0.58, fc="#BBDDF2"), Rectangle((0, 0), 1, 0.42, fc="#7DB46C"))
    _shapes(
        ax,
        *(Circle((x, 0.47), 0.06, fc="#4F8A4B") for x in (0.06, 0.16, 0.27, 0.9)),
        Rectangle((0, 0.08), 1, 0.12, fc="#C4634B"),
    )
    _shapes(ax, FancyBboxPatch((0.62, 0.12), 0.3, 0.14, "round,pad=0.01", fc="#3F6FB5"))
    for x in (0.6, 0.94):
        _limb(ax, (x, 0.12), (x, 0.66), color="#666666", width=3)
    _limb(ax, (0.6, 0.6), (0.94, 0.6), color="#F2C230", width=3)


def _running(ax: Axes) -> None:
    """ActivityNet Captions: an athlete runs up."""
    _track(ax)
    _limb(ax, (0.27, 0.33), (0.34, 0.24), (0.3, 0.13), width=6)
    _limb(ax, (0.25, 0.33), (0.19, 0.26), (0.11, 0.27), width=6)
    _limb(ax, (0.25, 0.34), (0.29, 0.5), color="#F4F4F4", width=12)
    _limb(ax, (0.29, 0.49), (0.36, 0.43), (0.4, 0.49), width=4)
    _limb(ax, (0.28, 0.49), (0.2, 0.44), (0.18, 0.36), width=4)
    _shapes(ax, Circle((0.31, 0.58), 0.045, fc=SKIN), Ellipse((0.3, 0.605), 0.09, 0.05, fc=HAIR))


def _jumping(ax: Axes) -> None:
    """ActivityNet Captions: the athlete is above the bar."""
    _track(ax)
    _limb(ax, (0.72, 0.71), (0.62, 0.74), (0.6, 0.62), width=6)
    _limb(ax, (0.7, 0.69), (0.84, 0.67), color="#F4F4F4", width=12)
    _limb(ax, (0.84, 0.68), (0.9, 0.76), (0.96, 0.78), width=4)
    _shapes(ax, Circle((0.91, 0.63), 0.045, fc=SKIN), Ellipse((0.925, 0.615), 0.07, 0.07, fc=HAIR))


SCENES: dict[str, tuple[Callable[[Axes], None], Callable[[Axes], None]]] = {
    "charades-sta": (_sitting_reader, _door),
    "tacos": (_cutting, _drawer),
    "activitynet-captions": (_running, _jumping),
}


def plot_scenes(sentences: dict[str, tuple[str, str]], titles: dict[str, str]) -> Figure:
    """Draw two frames of the kind of each data set, a column each, with a sentence under each frame.

    Args:
        sentences: for each name in SCENES, the sentences under its two frames.
        titles: for each name, what is written above its column.
    """
    figure, axes = new_axes(2, len(sentences), size=(10.5, 6.4))
    for column, (name, pair) in zip(axes.T, sentences.items(), strict=True):
        for ax, draw, sentence in zip(column, SCENES[name], pair, strict=True):
            draw(ax)
            ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[], box_aspect=0.72)
            ax.set_xlabel(f"“{sentence}”", fontsize=9)
            for spine in ax.spines.values():
                spine.set_visible(False)
        column[0].set_title(titles[name])
    return figure
