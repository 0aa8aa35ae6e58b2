"""The 2D temporal map as a figure: scores, IoU, errors, differences of two models; explanation.py's small maps too."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Polygon, Rectangle

from lgn_lite.errors import InputError
from lgn_lite.figures.style import (
    BASELINE,
    GROUND_TRUTH,
    GUIDE,
    HOLE,
    IMPOSSIBLE,
    OURS,
    SCORES,
    STYLE,
    new_axes,
    to_array,
)
from lgn_lite.moments import Moments

# White is zero. The ends differ in lightness too, so that strong and weak stay distinct in a grey print.
DIFFERENCE = ["#8A4B00", BASELINE, "#FFFFFF", OURS, "#00304F"]  # below zero the baseline has more, above it we
CHANGE = ["#222222", "#8A8A8A", "#FFFFFF", "#F0A070", GUIDE]  # below zero lowered, above it raised by the sentence
MARK = {"mfc": "white", "mec": "black", "ls": "none"}


def moment_span(span, duration: float, name: str) -> tuple[float, float]:
    """(start, end) in seconds as floats; InputError, naming it, if it is not a moment of the video."""
    start, end = (float(second) for second in span)
    if not -1e-3 <= start < end <= duration + 1e-3:  # a millisecond: spans may have been float32 fractions
        where = f"{name}: {start:g} to {end:g} s is not a moment of a video of {duration:g} s"
        raise InputError(f"{where}; give start < end in seconds")
    return start, end


def true_windows(ground_truth, duration: float) -> list[tuple[float, float]]:
    """The windows of a ground truth in seconds: (start, end), or several of these; none of None."""
    if ground_truth is None:
        return []
    windows = ground_truth if np.ndim(ground_truth) == 2 else [ground_truth]
    return [moment_span(window, duration, "ground truth") for window in windows]


def map_grid(moments: Moments, values, name: str) -> np.ndarray:
    """Values (P,) as a map (N, N) of start and end, NaN for cells without a candidate."""
    values, N = to_array(values), len(moments.mask)  # (P,), map size
    if values.shape != (len(moments),):
        raise InputError(f"{name}: shape {values.shape} for {len(moments)} candidates; give one value for each")
    grid = np.full((N, N), np.nan, dtype=np.float32)
    grid[moments.start_index.cpu().numpy(), moments.end_index.cpu().numpy()] = values
    return grid


def best_span(moments: Moments, scores, duration: float) -> tuple[float, float]:
    """The candidate with the highest of the scores (P,), in seconds."""
    best = int(np.argmax(to_array(scores)))
    return float(moments.starts[best]) * duration, float(moments.ends[best]) * duration


def widest(values) -> float:
    """The largest size among the values, for a scale with zero in the middle; above 0 in any case."""
    values = np.abs(to_array(values))
    return float(values.max(initial=0)) or 1.0


def shared_scale(values) -> tuple[float, float] | tuple[None, None]:
    """The ends of the colours: 0 and 1 for scores, IoUs and whatever else lies between; None for the values' own.

    Stretched to their own range, the scores of a model that finds nothing would look like those of one that does.
    """
    values = to_array(values)
    values = values[np.isfinite(values)]
    return (0.0, 1.0) if values.size and values.min() >= 0 and values.max() <= 1 else (None, None)


def difference_ends(label: str) -> tuple[str, str]:
    """What the low and the high end of a scale mean: of "LGN − baseline", "baseline higher" and "LGN higher"."""
    ours, minus, theirs = label.partition(" − ")
    return (f"{theirs} higher", f"{ours} higher") if minus else ("lower", "higher")


def dropped_spans(moments: Moments, dropped: Sequence[int], duration: float) -> np.ndarray:
    """(M, 2) starts and ends in seconds of candidates given by their numbers."""
    numbers = to_array(dropped).astype(int)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(moments):
        raise InputError(f"dropped: give numbers of candidates, from 0 to {len(moments) - 1}")
    return moments.spans().cpu().numpy()[numbers].reshape(-1, 2) * duration


def draw_map(ax: Axes, grid: np.ndarray, duration: float, palette, low=None, high=None, ground_truth=None) -> AxesImage:
    """Draw a map into axes; a cell is centred at its moment's exact start and end: any moment is a point of the axes.

    Args:
        ax: where to draw.
        grid: (N, N) of `map_grid`.
        duration: of the video, seconds.
        palette: the name of a colormap, or its colours.
        low, high: the values at the ends of the palette; None takes those of the map.
        ground_truth: (start, end) in seconds, or several of these, framed; None if it is not known.

    Returns:
        The image, for a colour bar.
    """
    N, step = len(grid), duration / len(grid)
    edges = (step / 2, duration + step / 2, duration - step / 2, -step / 2)  # left, right, bottom, top
    hole = Rectangle((0, 0), 1, 1, transform=ax.transAxes, fc=HOLE, ec="#AAAAAA", hatch="/////", lw=0, zorder=-1)
    ax.add_patch(hole)
    impossible = np.ma.masked_equal(np.tril(np.ones((N, N)), -1), 0)
    ax.imshow(impossible, extent=edges, cmap=mpl.colors.ListedColormap([IMPOSSIBLE]))
    ax.add_patch(Polygon(stairs(N) * step, closed=False, fill=False, ec="#BBBBBB", lw=0.8))
    image = ax.imshow(np.ma.masked_invalid(grid), extent=edges, cmap=_colormap(palette), vmin=low, vmax=high)
    for number, (start, end) in enumerate(true_windows(ground_truth, duration)):
        side = max(step, duration / 32)  # the cell, or what can be seen on a fine map
        corner = (end - side / 2, start - side / 2)
        label = None if number else "ground truth"  # once in the legend
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec="white", lw=4))  # a rim for contrast
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec=GROUND_TRUTH, lw=2.2, label=label))
    if np.isnan(grid[np.triu_indices(N)]).any():
        hole.set_label("no candidate")
    ax.set(xlim=edges[:2], ylim=edges[2:])
    return image


def stairs(N: int) -> np.ndarray:
    """(2·N, 2) corners, in cells, of the line under the shortest moments: below it an end would precede its start."""
    at = np.repeat(np.arange(N), 2)
    return np.stack([at + 0.5, at + np.tile([-0.5, 0.5], N)], axis=1)


def _colormap(palette):
    return palette if isinstance(palette, str) else mpl.colors.LinearSegmentedColormap.from_list("", palette)


def name_ends(bar: Colorbar, ends: Sequence[str]) -> None:
    """Write what the two ends of a colour bar mean below and above it; nothing for no ends."""
    for (y, va), text in zip(((-0.02, "top"), (1.02, "bottom")), ends, strict=False):
        bar.ax.text(0, y, text, transform=bar.ax.transAxes, va=va, fontsize=8.5)


@mpl.rc_context(STYLE)
def plot_map(
    moments: Moments,
    scores,
    duration: float,
    ground_truth=None,
    prediction=None,
    ax: Axes | None = None,
    label: str = "score",
    predictions: Sequence = (),
    dropped: Sequence[int] = (),
    difference: bool = False,
) -> Figure:
    """Draw scores (P,) as the 2D temporal map: end on the x axis, start on the y axis downwards, in seconds.

    A cell is centred at its moment's exact start and end, so that any moment is a point of the map. Cells without a
    candidate are hatched, impossible ones (end before start) pale. The colours run from 0 to 1 where all values lie
    there, as scores and IoUs do, so that maps can be compared; else over the range of the values.

    Args:
        moments: the P candidates.
        scores: (P,), or other values of the candidates.
        duration: of the video, seconds.
        ground_truth: (start, end) in seconds, or several of these, framed; None if it is not known.
        prediction: (start, end) in seconds, marked by a star; None marks the highest score.
        ax: where to draw; None makes a new figure.
        label: what the values are.
        predictions: several (start, end) in seconds, best first, numbered; the star is left out.
        dropped: numbers of the candidates that NMS removes, crossed; `top_predictions` gives these and the predictions.
        difference: whether the colours have zero in the middle: for ours minus the baseline's, or an error.

    Returns:
        The figure.

    Raises:
        InputError: for scores that do not fit the candidates, and for a span that is not a moment of the video.
    """
    grid = map_grid(moments, scores, label)
    ax = new_axes(size=(6, 4.9))[1][0, 0] if ax is None else ax
    edge = widest(scores)
    low, high = (-edge, edge) if difference else shared_scale(scores)
    image = draw_map(ax, grid, duration, DIFFERENCE if difference else SCORES, low, high, ground_truth)
    name_ends(ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9), difference_ends(label) if difference else ())
    starts, ends = dropped_spans(moments, dropped, duration).T
    if len(starts):
        crosses = {"ms": 4.5, "mec": "black", "mew": 1.2, "ls": "none", "label": "removed by NMS"}
        ax.plot(ends, starts, "x", **crosses | {"mec": "white", "mew": 2.6, "label": None})
        ax.plot(ends, starts, "x", **crosses)
    if len(predictions):
        spans = [moment_span(span, duration, f"prediction {i}") for i, span in enumerate(predictions, start=1)]
        starts, ends = zip(*spans, strict=True)
        ax.plot(ends, starts, "o", ms=12, **MARK, label="predictions, best first")
        for i, (start, end) in enumerate(spans, start=1):
            ax.text(end, start, str(i), ha="center", va="center_baseline", fontsize=8.5, weight="bold", color="black")
    else:
        name = "prediction" if prediction is not None else "" if difference else f"highest {label}"
        if name:  # of a difference the highest is nobody's prediction
            span = best_span(moments, scores, duration) if prediction is None else prediction
            start, end = moment_span(span, duration, "prediction")
            ax.plot(end, start, "*", ms=12, **MARK, label=name)
    ax.set(xlabel="end (seconds)", ylabel="start (seconds)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left")  # in the impossible half
    return ax.figure
