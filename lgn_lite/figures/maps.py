"""The 2D temporal map as a figure: scores, IoU, errors, differences of two models, for print and for the page.

They are imported from plots.py with the rest; views.py and page_views.py draw their small maps with what is here.
"""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Polygon, Rectangle

from lgn_lite.errors import InputError
from lgn_lite.figures.style import BASELINE, GUIDE, HOLE, IMPOSSIBLE, OURS, SCORES, STYLE, TRUTH, new_axes, to_array
from lgn_lite.moments import Moments

# White is zero. The ends differ in lightness too, so that a grey print still tells the strong from the weak.
DIFFERENCE = ["#8A4B00", BASELINE, "#FFFFFF", OURS, "#00304F"]  # below zero the baseline has more, above it we
CHANGE = ["#222222", "#8A8A8A", "#FFFFFF", "#F0A070", GUIDE]  # below zero lowered, above it raised by the sentence


def moment_span(span, duration: float, name: str) -> tuple[float, float]:
    """(start, end) in seconds as floats; InputError, naming it, where it is no moment of the video."""
    start, end = (float(second) for second in span)
    if not -1e-3 <= start < end <= duration + 1e-3:  # a millisecond: spans may have been float32 fractions
        where = f"{name}: {start:g} to {end:g} s is no moment of a video of {duration:g} s"
        raise InputError(f"{where}; give start < end in seconds")
    return start, end


def map_grid(moments: Moments, values, name: str) -> np.ndarray:
    """Values (P,) as a map (N, N) of start and end, NaN where there is no candidate."""
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


def _dropped(moments: Moments, dropped: Sequence[int], duration: float) -> np.ndarray:
    """(M, 2) starts and ends in seconds of candidates given by their numbers."""
    numbers = to_array(dropped).astype(int)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(moments):
        raise InputError(f"dropped: give numbers of candidates, from 0 to {len(moments) - 1}")
    return moments.spans().cpu().numpy()[numbers].reshape(-1, 2) * duration


def draw_map(ax: Axes, grid: np.ndarray, duration: float, palette, low=None, high=None, truth=None) -> AxesImage:
    """Draw a map (N, N) of `map_grid` into axes, the truth (seconds) framed; returns the image, for a colour bar.

    A cell is centred at its moment's exact start and end, so that any moment is a point of the axes.
    """
    N, step = len(grid), duration / len(grid)
    edges = (step / 2, duration + step / 2, duration - step / 2, -step / 2)  # left, right, bottom, top
    hole = Rectangle((0, 0), 1, 1, transform=ax.transAxes, fc=HOLE, ec="#AAAAAA", hatch="/////", lw=0, zorder=-1)
    ax.add_patch(hole)
    impossible = np.ma.masked_equal(np.tril(np.ones((N, N)), -1), 0)
    ax.imshow(impossible, extent=edges, cmap=mpl.colors.ListedColormap([IMPOSSIBLE]))
    ax.add_patch(Polygon(_stairs(N) * step, closed=False, fill=False, ec="#BBBBBB", lw=0.8))
    image = ax.imshow(np.ma.masked_invalid(grid), extent=edges, cmap=_colormap(palette), vmin=low, vmax=high)
    if truth is not None:
        start, end = moment_span(truth, duration, "truth")
        side = max(step, duration / 32)  # the cell, or what can be seen on a fine map
        corner = (end - side / 2, start - side / 2)
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec="white", lw=4))  # a rim for contrast
        ax.add_patch(Rectangle(corner, side, side, fill=False, ec=TRUTH, lw=2.2, label="truth"))
    if np.isnan(grid[np.triu_indices(N)]).any():
        hole.set_label("no candidate")
    ax.set(xlim=edges[:2], ylim=edges[2:])
    return image


def _stairs(N: int) -> np.ndarray:
    """(2·N, 2) corners, in cells, of the line under the shortest moments: below it an end would precede its start."""
    at = np.repeat(np.arange(N), 2)
    return np.stack([at + 0.5, at + np.tile([-0.5, 0.5], N)], axis=1)


def _colormap(palette):
    return palette if isinstance(palette, str) else mpl.colors.LinearSegmentedColormap.from_list("", palette)


@mpl.rc_context(STYLE)
def plot_map(
    moments: Moments,
    scores,
    duration: float,
    truth=None,
    answer=None,
    ax: Axes | None = None,
    label: str = "score",
    answers: Sequence = (),
    dropped: Sequence[int] = (),
    difference: bool = False,
) -> Figure:
    """Draw scores (P,) as the 2D temporal map: end on the x axis, start on the y axis downwards, in seconds.

    A cell is centred at its moment's exact start and end, so that any moment is a point of the map. `truth`
    and `answer` are (start, end) in seconds; without an answer the highest score is marked. `answers`, several
    such spans, best first, are numbered in place of it, and `dropped`, numbers of the candidates that NMS takes out
    (`explain.top_answers` gives both), are crossed. With `difference` the colours have zero in the middle: ours
    minus the baseline's, or an error. Cells without a candidate are hatched, impossible ones (end before start)
    pale. Raises InputError for scores that do not fit the candidates, and for a span that is no moment of the video.
    """
    grid = map_grid(moments, scores, label)
    ax = new_axes(size=(6, 4.9))[1][0, 0] if ax is None else ax
    edge = widest(scores) if difference else None
    palette = DIFFERENCE if difference else SCORES
    image = draw_map(ax, grid, duration, palette, edge and -edge, edge, truth)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9)
    starts, ends = _dropped(moments, dropped, duration).T
    if len(starts):
        crosses = {"ms": 4.5, "mec": "black", "mew": 1.2, "ls": "none", "label": "dropped by NMS"}
        ax.plot(ends, starts, "x", **crosses | {"mec": "white", "mew": 2.6, "label": None})
        ax.plot(ends, starts, "x", **crosses)
    if len(answers):
        spans = [moment_span(span, duration, f"answer {i}") for i, span in enumerate(answers, start=1)]
        starts, ends = zip(*spans, strict=True)
        ax.plot(ends, starts, "o", ms=12, mfc="white", mec="black", ls="none", label="answers, best first")
        for i, (start, end) in enumerate(spans, start=1):
            ax.text(end, start, str(i), ha="center", va="center_baseline", fontsize=8.5, weight="bold", color="black")
    else:
        name = "answer" if answer is not None else "" if difference else f"highest {label}"
        if name:  # of a difference the highest is nobody's answer
            span = best_span(moments, scores, duration) if answer is None else answer
            start, end = moment_span(span, duration, "answer")
            ax.plot(end, start, "*", ms=12, mfc="white", mec="black", ls="none", label=name)
    ax.set(xlabel="end (seconds)", ylabel="start (seconds)")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower left")  # in the impossible half
    return ax.figure


def map_traces(grid: np.ndarray, duration: float, palette, name: str, **settings) -> list:
    """The heat map of a map (N, N) of `map_grid` for the page, and under it that of the holes, if it has any."""
    N, step = len(grid), duration / len(grid)
    cells = {"x": np.arange(1, N + 1) * step, "y": np.arange(N) * step, "hoverongaps": False}
    place = "start %{y:.1f} s<br>end %{x:.1f} s"
    traces = []
    holes = np.where(np.isnan(grid) & np.triu(np.ones((N, N), bool)), 1.0, np.nan).astype(np.float32)
    if (holes == 1).any():
        flat = {"colorscale": [HOLE, HOLE], "showscale": False}
        told = f"{place}<extra>no candidate</extra>"
        traces.append(go.Heatmap(z=holes, name="no candidate", hovertemplate=told, **cells, **flat))
    known_iou = "" if settings.get("customdata") is None else "<br>IoU %{customdata:.2f}"
    told = f"{place}<br>{name} %{{z:.3f}}{known_iou}<extra></extra>"
    look = {"colorscale": palette, "hovertemplate": told, "colorbar": {"title": {"text": name, "side": "right"}}}
    traces.append(go.Heatmap(z=grid, name=name, **cells, **look | settings))
    if palette != SCORES:  # white is a value there: a line tells it from the impossible half
        line = {"mode": "lines", "line": {"color": "#BBBBBB", "width": 1}, "hoverinfo": "skip", "showlegend": False}
        x, y = _stairs(N).T * step
        traces.append(go.Scatter(x=x, y=y, **line))
    return traces


def truth_marks(truth, duration: float, size: int = 15) -> list[go.Scatter]:
    """The frame around the truth, (start, end) in seconds, for the page: green on a white rim, for contrast."""
    start, end = moment_span(truth, duration, "truth")
    rim, frame = (
        {"symbol": "square-open", "size": size, "color": colour, "line": {"width": width}}
        for colour, width in (("white", 6), (TRUTH, 3))
    )
    told = {"name": "truth", "hovertemplate": f"truth: {start:.1f} – {end:.1f} s<extra></extra>"}
    at = {"x": [end], "y": [start], "mode": "markers"}
    return [go.Scatter(marker=rim, hoverinfo="skip", showlegend=False, **at), go.Scatter(marker=frame, **told, **at)]


def map_axes(duration: float, N: int) -> tuple[dict, dict]:
    """The settings of the page's axes under a map of N × N cells: x, the ends, and y, the starts downwards."""
    step = duration / N
    shared = {"constrain": "domain", "showgrid": False, "zeroline": False}
    return {"range": [step / 2, duration + step / 2], **shared}, {"range": [duration - step / 2, -step / 2], **shared}


def map_figure(
    moments: Moments,
    scores,
    duration: float,
    truth=None,
    answer=None,
    iou=None,
    title: str = "",
    label: str = "score",
    answers: Sequence = (),
    dropped: Sequence[int] = (),
    difference: bool = False,
) -> go.Figure:
    """Make plot_map's figure for the page: hovering tells start, end, score and, if given, IoU (P,)."""
    grid = map_grid(moments, scores, label)
    edge = widest(scores) if difference else None
    settings = {"zmin": -edge, "zmax": edge} if difference else {}
    if iou is not None:
        settings["customdata"] = map_grid(moments, iou, "IoU")
    palette = DIFFERENCE if difference else SCORES
    figure = go.Figure(map_traces(grid, duration, palette, label, **settings))
    star = {"symbol": "star", "size": 13, "color": "white", "line": {"color": "black", "width": 1}}
    if answer is None and not difference and not len(answers):
        answer = best_span(moments, scores, duration)
    if truth is not None:
        figure.add_traces(truth_marks(truth, duration))
    if answer is not None and not len(answers):
        start, end = moment_span(answer, duration, "answer")
        text = f"answer: {start:.1f} – {end:.1f} s<extra></extra>"
        figure.add_scatter(x=[end], y=[start], mode="markers", name="answer", marker=star, hovertemplate=text)
    starts, ends = _dropped(moments, dropped, duration).T
    if len(starts):
        cross = {"symbol": "x", "size": 6, "color": "black", "line": {"color": "white", "width": 1}}
        told = {"name": "dropped by NMS", "hoverinfo": "skip"}  # the cell under it tells its score
        figure.add_scatter(x=ends, y=starts, mode="markers", marker=cross, **told)
    if len(answers):
        spans = [moment_span(span, duration, f"answer {i}") for i, span in enumerate(answers, start=1)]
        starts, ends = zip(*spans, strict=True)
        circle = {"symbol": "circle", "size": 16, "color": "white", "line": {"color": "black", "width": 1}}
        numbers = [str(i) for i in range(1, len(spans) + 1)]
        told = {"name": "answers, best first", "textfont": {"size": 11, "color": "black"}}
        told["hovertemplate"] = "answer %{text}: %{y:.1f} – %{x:.1f} s<extra></extra>"
        figure.add_scatter(x=ends, y=starts, mode="markers+text", text=numbers, marker=circle, **told)
    x, y = map_axes(duration, len(grid))
    figure.update_xaxes(title="end (seconds)", constraintoward="left", **x)  # where the legend is
    figure.update_yaxes(title="start (seconds)", constraintoward="bottom", scaleanchor="x", **y)
    margin = {"l": 60, "r": 20, "t": 50 if title else 20, "b": 55}
    figure.update_layout(template="plotly_white", paper_bgcolor="white", plot_bgcolor=IMPOSSIBLE, title=title)
    legend = {"x": 0.02, "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"}
    figure.update_layout(width=560, height=480, margin=margin, legend=legend, showlegend=True)
    return figure
