"""Interactive figures by plotly: what plot_map, plot_predictions and plot_words draw, with numbers on hovering.

Arguments, what is drawn and what is refused are those of the static counterparts. `slider_figure` puts several figures
behind one slider, which works without a kernel too, as on a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lgn_lite.analysis.explanation import WordEffect
from lgn_lite.errors import InputError
from lgn_lite.figures.alt import describe_plotly
from lgn_lite.figures.explanation import LOWERED, digits_of, prediction_rows, signed, strength, word_rows
from lgn_lite.figures.maps import (
    DIFFERENCE,
    best_span,
    difference_ends,
    dropped_spans,
    map_grid,
    moment_span,
    shared_scale,
    stairs,
    true_windows,
    widest,
)
from lgn_lite.figures.style import GROUND_TRUTH, GUIDE, HOLE, IMPOSSIBLE, OURS, SCORES, model_styles
from lgn_lite.moments import Moments

# matplotlib's hatches, and plotly's patterns
PATTERNS = {
    "": "",
    "///": "/",
    "...": ".",
    "\\\\\\": "\\",
    "xxx": "x",
    "---": "-",
    "+++": "+",
}
WIDE, NARROW = 760, 350  # pixels
PALE = "rgba(0, 114, 178, 0.25)"  # OURS, nearer to the page, be it light or dark
MARKER = {"color": "white", "line": {"color": "black", "width": 1}}


def map_figure(
    moments: Moments,
    scores,
    duration: float,
    ground_truth=None,
    prediction=None,
    iou=None,
    title: str = "",
    label: str = "score",
    predictions: Sequence = (),
    dropped: Sequence[int] = (),
    difference: bool = False,
) -> go.Figure:
    """Make plot_map's interactive figure, where hovering shows start, end, score and, if given, IoU.

    Args:
        moments, scores, duration, ground_truth, prediction, label, predictions, dropped, difference: as in plot_map.
        iou: (P,) of each candidate with the ground truth.
        title: above the map.

    Returns:
        The figure.

    Raises:
        InputError: as plot_map does.
    """
    grid = map_grid(moments, scores, label)
    overlaps = None if iou is None else map_grid(moments, iou, "IoU")
    figure = go.Figure(_heatmaps(grid, duration, label, difference, overlaps))
    for number, (start, end) in enumerate(true_windows(ground_truth, duration)):
        named = {"name": "ground truth", "hovertemplate": f"ground truth: {start:.1f} – {end:.1f} s<extra></extra>"}
        named["showlegend"] = not number
        unnamed = {"hoverinfo": "skip", "showlegend": False}
        for colour, width, settings in (("white", 6, unnamed), (GROUND_TRUTH, 3, named)):  # a rim for contrast
            frame = {"symbol": "square-open", "size": 15, "color": colour, "line": {"width": width}}
            figure.add_scatter(x=[end], y=[start], mode="markers", marker=frame, **settings)
    if prediction is None and not difference:
        prediction = best_span(moments, scores, duration)
    if prediction is not None and not len(predictions):
        start, end = moment_span(prediction, duration, "prediction")
        text = f"prediction: {start:.1f} – {end:.1f} s<extra></extra>"
        star = {"symbol": "star", "size": 13, **MARKER}
        figure.add_scatter(x=[end], y=[start], mode="markers", name="prediction", marker=star, hovertemplate=text)
    starts, ends = dropped_spans(moments, dropped, duration).T
    if len(starts):
        cross = {"symbol": "x", "size": 6, "color": "black", "line": {"color": "white", "width": 1}}
        hover = {"name": "removed by NMS", "hoverinfo": "skip"}  # the cell under it shows its score
        figure.add_scatter(x=ends, y=starts, mode="markers", marker=cross, **hover)
    if len(predictions):
        spans = [moment_span(span, duration, f"prediction {i}") for i, span in enumerate(predictions, start=1)]
        starts, ends = zip(*spans, strict=True)
        numbers = [str(i) for i in range(1, len(spans) + 1)]
        hover = {"name": "predictions, best first", "textfont": {"size": 11, "color": "black"}}
        hover["hovertemplate"] = "prediction %{text}: %{y:.1f} – %{x:.1f} s<extra></extra>"
        circle = {"symbol": "circle", "size": 16, **MARKER}
        figure.add_scatter(x=ends, y=starts, mode="markers+text", text=numbers, marker=circle, **hover)
    step = duration / len(grid)
    shared = {"constrain": "domain", "showgrid": False, "zeroline": False}
    ends, starts = [step / 2, duration + step / 2], [duration - step / 2, -step / 2]  # the starts run downwards
    # towards the left, where the legend is
    figure.update_xaxes(title="end (seconds)", range=ends, constraintoward="left", **shared)
    figure.update_yaxes(title="start (seconds)", range=starts, constraintoward="bottom", scaleanchor="x", **shared)
    legend = {"x": 0.02, "y": 0.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)"}
    settings = {"plot_bgcolor": IMPOSSIBLE, "title": title, "legend": legend, "showlegend": True}
    return _finish(figure, 560, 480, margin={"l": 60, "t": 50 if title else 20, "b": 55}, **settings)


def _heatmaps(grid: np.ndarray, duration: float, label: str, difference: bool, iou: np.ndarray | None) -> list:
    """The heat map of a map (N, N) of `map_grid`, and under it that of the holes, if it has any."""
    N, step = len(grid), duration / len(grid)
    cells = {"x": np.arange(1, N + 1) * step, "y": np.arange(N) * step, "hoverongaps": False}
    times = "start %{y:.1f} s<br>end %{x:.1f} s"
    traces = []
    holes = np.where(np.isnan(grid) & np.triu(np.ones((N, N), bool)), 1.0, np.nan).astype(np.float32)
    if (holes == 1).any():
        flat = {"colorscale": [HOLE, HOLE], "showscale": False}
        hover = f"{times}<extra>no candidate</extra>"
        traces.append(go.Heatmap(z=holes, name="no candidate", hovertemplate=hover, **cells, **flat))
    known_iou = "" if iou is None else "<br>IoU %{customdata:.2f}"
    hover = f"{times}<br>{label} %{{z:.3f}}{known_iou}<extra></extra>"
    scale = {"colorscale": SCORES, "colorbar": {"title": {"text": label, "side": "right"}}}
    low, high = shared_scale(grid)
    if difference:
        edge = widest(grid[~np.isnan(grid)])
        low, high = -edge, edge
        below, above = difference_ends(label)
        named = [f"{below}<br>{signed(low, digits_of(edge))}", "0", f"{above}<br>{signed(high, digits_of(edge))}"]
        scale["colorscale"] = DIFFERENCE
        scale["colorbar"] |= {"tickvals": [low, 0, high], "ticktext": named}
    scale |= {"zmin": low, "zmax": high}
    traces.append(go.Heatmap(z=grid, customdata=iou, name=label, hovertemplate=hover, **cells, **scale))
    if difference:  # white is a value there: a line separates it from the impossible half
        line = {"mode": "lines", "line": {"color": "#BBBBBB", "width": 1}, "hoverinfo": "skip", "showlegend": False}
        x, y = stairs(N).T * step
        traces.append(go.Scatter(x=x, y=y, **line))
    return traces


def _finish(figure: go.Figure, width: int, height: int, **settings) -> go.Figure:
    """The style of all: a white card of a fixed size, the same in print, without a legend by default."""
    margin = {"l": 70, "r": 20, "t": 40, "b": 50} | settings.pop("margin", {})
    figure.update_layout(template="plotly_white", paper_bgcolor="white", width=width, height=height, margin=margin)
    figure.update_layout(**{"showlegend": False} | settings)
    figure.update_annotations(font_size=12)
    return figure


def _fill(colour: str, shape: str) -> dict:
    return {"color": colour, "pattern": {"shape": shape, "fgcolor": "white", "size": 6}}


def _shade(figure: go.Figure, ground_truth, duration: float, **panel) -> None:
    for start, end in true_windows(ground_truth, duration):
        line = {"color": GROUND_TRUTH, "dash": "dash", "width": 1.2}
        figure.add_vrect(start, end, fillcolor=GROUND_TRUTH, opacity=0.16, line_width=0, layer="below", **panel)
        for second in (start, end):
            figure.add_vline(second, line=line, layer="below", **panel)


def _note(figure: go.Figure, y: int, text: str, **axes) -> None:
    """A note on the right of row y, outside the axes."""
    at = {"x": 1.01, "xref": axes.pop("xref", "x domain"), "xanchor": "left", "showarrow": False}
    figure.add_annotation(y=y, text=text, font={"size": 12}, **at | axes)


def predictions_figure(
    predictions: Mapping[str, Sequence], duration: float, ground_truth=None, sentence: str = "", narrow: bool = False
) -> go.Figure:
    """Make plot_predictions' interactive figure.

    Args, Returns, Raises: as plot_predictions, without `ax`. With `narrow` the layout is that of a column of some 350
    pixels: of a prediction only the IoU is written next to the bar.
    """
    rows = prediction_rows(predictions, duration, ground_truth)
    styles = model_styles([row["name"] for row in rows])
    figure = go.Figure()
    for y, row in enumerate(rows):
        start, end, style = row["start"], row["end"], styles[row["name"]]
        overlap = f" · IoU {row['iou']:.2f}" if "iou" in row else ""
        fill = _fill(style["color"], PATTERNS[style["hatch"]]) | {"opacity": strength(row["rank"])}
        hover = {"name": row["label"], "hovertemplate": f"{start:.1f} – {end:.1f} s{overlap}"}
        figure.add_bar(x=[end - start], base=[start], y=[y], orientation="h", width=0.7, marker=fill, **hover)
        short = overlap.removeprefix(" · IoU ") or "IoU"  # next to the ground truth the column's name
        _note(figure, y, short if narrow else f"{start:.1f} – {end:.1f} s{overlap}")
    _shade(figure, ground_truth, duration)
    labels = [escape(row["label"]) for row in rows]
    figure.update_yaxes(range=[len(rows) - 0.4, -0.6], tickvals=list(range(len(rows))), ticktext=labels, showgrid=False)
    figure.update_xaxes(title="time (seconds)", range=[0, duration])
    title = {"title": {"text": f"“{escape(sentence)}”", "font": {"size": 14}}} if sentence else {}
    margin = {"l": 80, "r": 40} if narrow else {"l": 85, "r": 165}
    margin["t"] = 45 if sentence else 10
    return _finish(figure, NARROW if narrow else WIDE, 80 + 26 * len(rows) + margin["t"], margin=margin, **title)


def _bars(figure: go.Figure, columns: dict, first: Sequence[bool], styles: Mapping[str, tuple[str, str]], **settings):
    """Horizontal bars of two styles, {name: (colour, pattern)}: the rows that are `first` have the first style.

    Two traces, since plotly warns if one has several colours and patterns.
    """
    for (name, (colour, shape)), in_first in zip(styles.items(), (True, False), strict=True):
        rows = [i for i, is_first in enumerate(first) if is_first == in_first]
        chosen = {key: [values[i] for i in rows] for key, values in columns.items()}
        figure.add_bar(**chosen, name=name, marker=_fill(colour, shape), orientation="h", width=0.7, **settings)


def words_figure(
    effects: Sequence[WordEffect], duration: float, prediction=None, ground_truth=None, narrow: bool = False
) -> go.Figure:
    """Make plot_words' interactive figure.

    Args, Returns, Raises: as plot_words. With `narrow` its two panels are one below the other, in a column of some 350
    pixels.
    """
    rows = word_rows(effects, duration)
    words, changes, starts, ends = (list(column) for column in zip(*rows, strict=True))
    own = None if prediction is None else moment_span(prediction, duration, "prediction")
    same = [own is not None and np.allclose(span, own, atol=1e-3) for span in zip(starts, ends, strict=True)]
    titles = ("score of the prediction without the word", "prediction without the word")
    second = {"row": 2, "col": 1} if narrow else {"row": 1, "col": 2}
    shape = {"vertical_spacing": 90 / (190 + 48 * len(rows))} if narrow else {"horizontal_spacing": 0.04}
    shape |= {} if narrow else {"column_widths": [0.45, 0.55]}
    figure = make_subplots(second["row"], second["col"], shared_yaxes=not narrow, subplot_titles=titles, **shape)
    at, words = list(range(len(rows))), [escape(word) for word in words]
    spans = [f"{start:.1f} – {end:.1f} s" for start, end in zip(starts, ends, strict=True)]
    lower, digits = [change < 0 for change in changes], digits_of(changes)
    text = {"textposition": "outside", "cliponaxis": False, "hovertemplate": "without “%{customdata}”: %{x:+.3f}"}
    columns = {"x": changes, "y": at, "customdata": words, "text": [signed(change, digits) for change in changes]}
    _bars(figure, columns, lower, {"lowered": (GUIDE, ""), "raised": (LOWERED, "/")}, **text, row=1, col=1)
    text = {"textposition": "none", "hovertemplate": "without “%{customdata}”: %{text}"}
    columns |= {"x": [end - start for start, end in zip(starts, ends, strict=True)], "base": starts, "text": spans}
    _bars(figure, columns, same, {"the same": (PALE, ""), "another": (OURS, ".")}, **text, **second)
    for y in at:
        _note(figure, y, "the same" if same[y] else spans[y], xref="x2 domain", yref="y2")
    for edge in own or ():
        figure.add_vline(edge, line={"color": OURS, "dash": "dot", "width": 1.2}, **second)
    _shade(figure, ground_truth, duration, **second)
    low, high = min(0.0, *changes), max(0.0, *changes)
    room = 0.3 * (high - low or 1)
    figure.update_xaxes(title="change of the score", range=[low - room, high + room], row=1, col=1)
    figure.update_xaxes(title="time (seconds)", range=[0, duration], **second)
    figure.update_yaxes(range=[len(rows) - 0.4, -0.6], tickvals=at, ticktext=words, showgrid=False)
    height = 175 + 48 * len(rows) if narrow else 105 + 24 * len(rows)
    return _finish(figure, NARROW if narrow else WIDE, height, margin={"l": 85, "r": 90 if narrow else 110, "t": 35})


# A slider -------------------------------------------------------------------------------------------------------

OF_A_STEP = ("title", "annotations", "shapes")  # what a step of a slider changes, next to ranges and ticks
OF_AN_AXIS = ("range", "tickvals", "ticktext")


def slider_figure(figures: Mapping[object, go.Figure], label: str, first: object = None) -> go.Figure:
    """Put several figures of one kind behind a slider, one figure per value.

    All figures are in the result, which therefore needs no kernel: the slider works in JupyterLab and on a page, and
    where nothing is interactive, as in print, the first figure is shown. Next to it belongs a static figure.

    Args:
        figures: {value of the slider: its figure}, in the slider's order. They may differ in traces, title, notes,
            shapes, and ranges and ticks of their axes; the rest of the layout is that of the first one shown.
        label: what the value is, such as "clips N".
        first: the value that is shown first; None: the first of all.

    Returns:
        The figure.

    Raises:
        InputError: if there are fewer than two figures, or none for `first`.
    """
    values = list(figures)
    if len(values) < 2:
        raise InputError(f"a slider over {len(values)} figures: give at least two")
    if first is not None and first not in figures:
        raise InputError(f"no figure for the first value {first!r}: there are {', '.join(map(str, values))}")
    shown = values[0] if first is None else first
    joined = go.Figure(layout=figures[shown].layout)
    owners = []
    for value, figure in figures.items():
        for trace in figure.data:
            owners.append((value, True if trace.visible is None else trace.visible))
            joined.add_trace(trace)
            joined.data[-1].visible = owners[-1][1] if value == shown else False
    axes = sorted({key for figure in figures.values() for key in _axes(figure)})
    steps = []
    for value, figure in figures.items():
        visible = [own if owner == value else False for owner, own in owners]
        layout = figure.layout.to_plotly_json()
        # an absent title or note has to be emptied: what a step does not name stays as the last one left it
        changes = {name: layout.get(name, {"text": ""} if name == "title" else []) for name in OF_A_STEP}
        for axis in axes:
            own = layout.get(axis, {})
            changes |= {f"{axis}.{name}": own[name] for name in OF_AN_AXIS if name in own}
        steps.append({"method": "update", "label": str(value), "args": [{"visible": visible}, changes]})
    margin = joined.layout.margin.b or 50
    height = (joined.layout.height or 450) + 90
    below = (margin + 5) / max(height - 90 - margin - (joined.layout.margin.t or 0), 1)  # in heights of the plot
    slider = {"active": values.index(shown), "steps": steps, "y": -below, "yanchor": "top", "x": 0, "len": 1}
    slider |= {"currentvalue": {"prefix": f"{label}: "}, "pad": {"t": 0, "b": 0}}
    words = (
        f"{describe_plotly(figures[shown].to_plotly_json())}; a slider over {label} from {values[0]} to {values[-1]}"
    )
    joined.update_layout(sliders=[slider], height=height, margin={"b": margin + 90}, meta={"alt": words})
    return joined


def _axes(figure: go.Figure) -> list[str]:
    return [key for key in figure.layout.to_plotly_json() if key.startswith(("xaxis", "yaxis"))]
