"""Why a model answers as it does, as living figures for the page: the twins of views.py, by plotly.

Arguments, what is drawn and what is refused are those of the twin; hovering tells the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lgn_lite.analysis.explanation import Explanation, Gates, WordEffect
from lgn_lite.figures.explanation import (
    LOWERED,
    MANY,
    answer_rows,
    channel_groups,
    check_gates,
    frame_times,
    guided_channels,
    number,
    paler,
    signed,
    step_changes,
    step_name,
    word_rows,
)
from lgn_lite.figures.maps import CHANGE, best_span, map_axes, map_grid, map_traces, moment_span, truth_marks, widest
from lgn_lite.figures.style import GUIDE, IMPOSSIBLE, INK, OURS, SCORES, TRUTH, looks, to_array
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
STAR = {"symbol": "star", "size": 10, "color": "white", "line": {"color": "black", "width": 1}}


def _finish(figure: go.Figure, width: int, height: int, **settings) -> go.Figure:
    """The look of all: a white card of a fixed size, the same in print, without a legend unless asked for."""
    margin = {"l": 70, "r": 20, "t": 40, "b": 50} | settings.pop("margin", {})
    figure.update_layout(template="plotly_white", paper_bgcolor="white", width=width, height=height, margin=margin)
    figure.update_layout(**{"showlegend": False} | settings)
    figure.update_annotations(font_size=12)
    return figure


def _shade(figure: go.Figure, truth, duration: float, **place) -> None:
    if truth is not None:
        start, end = moment_span(truth, duration, "truth")
        line = {"color": TRUTH, "dash": "dash", "width": 1.2}
        figure.add_vrect(start, end, fillcolor=TRUTH, opacity=0.16, line_width=0, layer="below", **place)
        for second in (start, end):
            figure.add_vline(second, line=line, layer="below", **place)


def _beside(figure: go.Figure, y: int, text: str, **place) -> None:
    """Words at the right of row y, outside the axes."""
    at = {"x": 1.01, "xref": place.pop("xref", "x domain"), "xanchor": "left", "showarrow": False}
    figure.add_annotation(y=y, text=text, font={"size": 12}, **at | place)


def answers_figure(answers: Mapping[str, Sequence], duration: float, truth=None, sentence: str = "") -> go.Figure:
    """Make plot_answers' figure for the page."""
    rows = answer_rows(answers, duration, truth)
    look = looks([row["name"] for row in rows])
    figure = go.Figure()
    for y, row in enumerate(rows):
        start, end, style = row["start"], row["end"], look[row["name"]]
        overlap = f" · tIoU {row['iou']:.2f}" if "iou" in row else ""
        colour = paler(style["color"], row["rank"])
        fill = {"color": colour, "pattern": {"shape": PATTERNS[style["hatch"]], "fgcolor": "white", "size": 6}}
        told = {"name": row["label"], "hovertemplate": f"{start:.1f} – {end:.1f} s{overlap}"}
        figure.add_bar(x=[end - start], base=[start], y=[y], orientation="h", width=0.7, marker=fill, **told)
        _beside(figure, y, f"{start:.1f} – {end:.1f} s{overlap}")
    _shade(figure, truth, duration)
    labels = [escape(row["label"]) for row in rows]
    figure.update_yaxes(range=[len(rows) - 0.4, -0.6], tickvals=list(range(len(rows))), ticktext=labels, showgrid=False)
    figure.update_xaxes(title="time (seconds)", range=[0, duration])
    title = {"title": {"text": f"“{escape(sentence)}”", "font": {"size": 14}}} if sentence else {}
    margin = {"l": 85, "r": 165, "t": 45 if sentence else 10}
    return _finish(figure, 760, 80 + 26 * len(rows) + margin["t"], margin=margin, **title)


def _marks(figure: go.Figure, truth, duration: float, row: int, col: int, best=None) -> None:
    if truth is not None:
        for trace in truth_marks(truth, duration, size=11):
            figure.add_trace(trace, row=row, col=col)
    if best is not None:
        start, end = best
        told = {"name": "highest score", "hovertemplate": f"highest: {start:.1f} – {end:.1f} s<extra></extra>"}
        figure.add_scatter(x=[end], y=[start], mode="markers", marker=STAR, row=row, col=col, **told)


def _maps_axes(figure: go.Figure, duration: float, N: int, rows: Sequence[int], last: Sequence[int]) -> None:
    x, y = map_axes(duration, N)
    for row in rows:
        figure.update_xaxes(**x, row=row)
        figure.update_yaxes(**y, row=row)
        figure.update_yaxes(title="start (seconds)", row=row, col=1)
    for row in last:
        figure.update_xaxes(title="end (seconds)", row=row)


def guidance_figure(
    moments: Moments, explanation: Explanation, duration: float, truth=None, count: int = 4
) -> go.Figure:
    """Make plot_guidance's figure for the page."""
    named = guided_channels(explanation, count)
    columns = len(named) // 2
    titles = [
        f"{what}: channel {channel}<br>α {number(alpha)}, weight {signed(float(explanation.readout[channel]))}"
        for what, channel, alpha in named
    ]
    figure = make_subplots(
        3, columns, specs=[[{"colspan": columns}, *[None] * (columns - 1)], *[[{}] * columns] * 2],
        row_heights=[0.9, 1, 1], vertical_spacing=0.13, horizontal_spacing=0.05, subplot_titles=["", *titles],
    )  # fmt: skip
    alpha = to_array(explanation.alpha)
    order, what = np.argsort(-alpha, kind="stable"), {channel: what for what, channel, _ in named}
    colours = [{"raised": GUIDE, "lowered": LOWERED}.get(what.get(c), "#D9D9D9") for c in order]
    few = len(alpha) <= MANY
    told = {
        "text": [str(c) if few and c in what else "" for c in order],
        "textposition": "outside",
        "customdata": order,
    }
    told |= {"textangle": -90, "textfont": {"size": 11}, "constraintext": "none", "cliponaxis": False}
    told["hovertemplate"] = "channel %{customdata}<br>α %{y:.2f}<extra></extra>"
    figure.add_bar(x=np.arange(len(alpha)), y=alpha[order], marker_color=colours, name="α", **told, row=1, col=1)
    if not few:  # bars too thin to be named one by one, and their rims would be all that is seen
        figure.update_traces(marker_line_width=0, selector={"type": "bar"})
        for text, x, y, side in channel_groups(alpha, what):
            place = {"x": x, "y": y, "xanchor": side, "yanchor": "top" if y > 0 else "bottom"}
            figure.add_annotation(text=text, showarrow=False, **place, row=1, col=1)
    figure.add_hline(1, line={"color": INK, "dash": "dash", "width": 1}, row=1, col=1)
    note = {"text": "α = 1: as without guidance", "x": len(alpha) - 1, "y": 1, "xanchor": "right", "yanchor": "bottom"}
    figure.add_annotation(**note, showarrow=False, row=1, col=1)
    edge = widest(explanation.features[:, [channel for _, channel, _ in named]])
    for n, (_, channel, _) in enumerate(named):
        row, col = 2 + n // columns, 1 + n % columns
        grid = map_grid(moments, explanation.features[:, channel], f"channel {channel}")
        bar = {"showscale": n == 0, "colorbar": {"title": "feature", "len": 0.6, "y": 0.3}}
        for trace in map_traces(grid, duration, CHANGE, "feature", zmin=-edge, zmax=edge, **bar):
            figure.add_trace(trace, row=row, col=col)
        _marks(figure, truth, duration, row, col)
    _maps_axes(figure, duration, len(grid), (2, 3), (3,))
    figure.update_xaxes(showticklabels=False, title=f"{len(alpha)} channels, sorted", row=1)
    room = 0.2 * np.ptp([*alpha, 0.0])  # for the numbers at the bars' ends
    figure.update_yaxes(title="α", range=[min(alpha.min(), 0) - room, max(alpha.max(), 1) + room], row=1)
    return _finish(figure, 130 + 195 * columns, 760, plot_bgcolor=IMPOSSIBLE)


def steps_figure(moments: Moments, steps, duration: float, truth=None, columns: int = 4) -> go.Figure:
    """Make plot_steps' figure for the page."""
    scores, changes = step_changes(steps)
    columns = min(columns, len(scores))
    blocks = -(-len(scores) // columns)
    titles = [""] * (2 * blocks * columns)
    for k in range(len(scores)):
        at = 2 * columns * (k // columns) + k % columns
        titles[at], titles[at + columns] = step_name(k), f"changed by module {k}" if k else ""
    rows = range(1, 2 * blocks + 1)
    height, between = 2 * blocks * (157 + 80), 80  # a map, and the words between two
    figure = make_subplots(
        2 * blocks, columns, horizontal_spacing=0.05, vertical_spacing=between / (height - between),
        specs=[[_step_place(row, c, columns, len(scores)) for c in range(columns)] for row in range(2 * blocks)],
        subplot_titles=[title for title in titles if title],
    )  # fmt: skip
    for k, values in enumerate(scores):
        row, col = 1 + 2 * (k // columns), 1 + k % columns
        scale = {"zmin": scores.min(), "zmax": scores.max(), "showscale": k == 0}
        bar = {"title": "score", "len": 0.42, "y": 0.79}
        for trace in map_traces(map_grid(moments, values, "score"), duration, SCORES, "score", colorbar=bar, **scale):
            figure.add_trace(trace, row=row, col=col)
        _marks(figure, truth, duration, row, col, best_span(moments, values, duration))
        if k:
            edge = widest(changes)
            scale = {"zmin": -edge, "zmax": edge, "showscale": k == 1}
            bar = {"title": "change", "len": 0.42, "y": 0.22}
            grid = map_grid(moments, changes[k - 1], "change")
            for trace in map_traces(grid, duration, CHANGE, "change", colorbar=bar, **scale):
                figure.add_trace(trace, row=row + 1, col=col)
            _marks(figure, truth, duration, row + 1, col)
    _maps_axes(figure, duration, len(grid), rows, rows)
    return _finish(figure, 130 + 195 * columns, height + 10, plot_bgcolor=IMPOSSIBLE)


def _step_place(row: int, column: int, columns: int, K1: int) -> dict | None:
    """A place for a map of K + 1 steps, or none: below the first score map nothing has changed yet."""
    k = row // 2 * columns + column
    return {} if k < K1 and (row % 2 == 0 or k > 0) else None


def modulation_figure(gates: Sequence[Gates], duration: float, truth=None, count: int = 3) -> go.Figure:
    """Make plot_modulation's figure for the page."""
    check_gates(gates)
    changed = [unit.most_changed(count).tolist() for unit in gates]
    titles = [[f"unit {n}: gates, sorted", "how far each frame is moved"] for n in range(1, len(gates) + 1)]
    for unit, channels, column in zip(gates, changed, titles, strict=True):
        column += [f"channel {c}: gate {number(float(unit.gate[c]))}" for c in channels]
    rows = max(map(len, titles))
    flat = [column[row] if row < len(column) else "" for row in range(rows) for column in titles]
    figure = make_subplots(rows, len(gates), subplot_titles=flat, vertical_spacing=0.32 / rows, horizontal_spacing=0.11)
    for col, (unit, channels) in enumerate(zip(gates, changed, strict=True), start=1):
        gate, times = to_array(unit.gate), frame_times(len(unit.before), duration)
        order = np.argsort(-gate, kind="stable")
        told = {"customdata": np.stack([order, gate[order]], axis=1), "name": "gate", "marker_line_width": 0}
        told["hovertemplate"] = "channel %{customdata[0]:d}<br>gate %{customdata[1]:.2f}<extra></extra>"
        bars = {"x": np.arange(len(gate)), "y": gate[order] - 1, "base": 1, "marker_color": GUIDE}
        figure.add_bar(**bars, **told, row=1, col=col)
        if unit.shift is not None:
            dots = {"mode": "markers", "marker": {"color": INK, "size": 3}, "name": "shift"}
            dots |= {"customdata": order, "hovertemplate": "channel %{customdata}<br>shift %{y:.2f}<extra></extra>"}
            figure.add_scatter(x=np.arange(len(gate)), y=to_array(unit.shift)[order], **dots, row=1, col=col)
        figure.add_hline(1, line={"color": INK, "dash": "dash", "width": 1}, row=1, col=col)
        lines = [(2, "moved", unit.moved, "solid", GUIDE)]
        for row, c in enumerate(channels, start=3):
            lines += [
                (row, "before", unit.before[:, c], "dash", "#7F7F7F"),
                (row, "after", unit.after[:, c], "solid", GUIDE),
            ]
        for row, name, values, dash, colour in lines:
            look = {"mode": "lines", "line": {"color": colour, "dash": dash}, "legendgroup": name}
            shown = name != "moved" and (row, col) == (3, 1)
            figure.add_scatter(x=times, y=to_array(values), name=name, showlegend=shown, row=row, col=col, **look)
        figure.update_xaxes(showticklabels=False, range=[-0.5, len(gate) - 0.5], row=1, col=col)
        figure.update_yaxes(title="feature", col=col)
        figure.update_yaxes(title="gate", row=1, col=col)
        figure.update_yaxes(title="of its length", rangemode="tozero", row=2, col=col)
        for row in range(2, 3 + len(channels)):
            _shade(figure, truth, duration, row=row, col=col)
            figure.update_xaxes(range=[0, duration], row=row, col=col)
        figure.update_xaxes(title="time (seconds)", row=rows, col=col)
    figure.update_traces(showlegend=False, selector={"type": "bar"})
    legend = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"}
    return _finish(figure, 140 + 390 * len(gates), 110 + 145 * rows, showlegend=True, legend=legend)


def _bars(figure: go.Figure, columns: dict, first: Sequence[bool], looks: Mapping[str, tuple[str, str]], **settings):
    """Horizontal bars of two looks, {name: (colour, pattern)}: the rows that are `first` have the first look.

    Two traces, since plotly warns where one has several colours and patterns.
    """
    for (name, (colour, shape)), wanted in zip(looks.items(), (True, False), strict=True):
        rows = [i for i, is_first in enumerate(first) if is_first == wanted]
        chosen = {key: [values[i] for i in rows] for key, values in columns.items()}
        fill = {"color": colour, "pattern": {"shape": shape, "fgcolor": "white", "size": 6}}
        figure.add_bar(**chosen, name=name, marker=fill, orientation="h", width=0.7, **settings)


def words_figure(effects: Sequence[WordEffect], duration: float, answer=None, truth=None) -> go.Figure:
    """Make plot_words' figure for the page."""
    rows = word_rows(effects, duration)
    words, changes, starts, ends = (list(column) for column in zip(*rows, strict=True))
    own = None if answer is None else moment_span(answer, duration, "answer")
    same = [own is not None and np.allclose(span, own, atol=1e-3) for span in zip(starts, ends, strict=True)]
    titles = ("score of the answer without the word", "answer without the word")
    figure = make_subplots(
        1, 2, shared_yaxes=True, column_widths=[0.45, 0.55], horizontal_spacing=0.04, subplot_titles=titles
    )
    at, words = list(range(len(rows))), [escape(word) for word in words]
    spans = [f"{start:.1f} – {end:.1f} s" for start, end in zip(starts, ends, strict=True)]
    lower = [change < 0 for change in changes]
    told = {"textposition": "outside", "cliponaxis": False, "hovertemplate": "without “%{customdata}”: %{x:+.3f}"}
    columns = {"x": changes, "y": at, "customdata": words, "text": [signed(change) for change in changes]}
    _bars(figure, columns, lower, {"lowered": (GUIDE, ""), "raised": (LOWERED, "/")}, **told, row=1, col=1)
    told = {"textposition": "none", "hovertemplate": "without “%{customdata}”: %{text}"}
    columns |= {"x": [end - start for start, end in zip(starts, ends, strict=True)], "base": starts, "text": spans}
    _bars(figure, columns, same, {"the same": ("#BFD9EA", ""), "another": (OURS, ".")}, **told, row=1, col=2)
    for y in at:
        _beside(figure, y, "the same" if same[y] else spans[y], xref="x2 domain", yref="y")
    for second in own or ():
        figure.add_vline(second, line={"color": OURS, "dash": "dot", "width": 1.2}, row=1, col=2)
    _shade(figure, truth, duration, row=1, col=2)
    low, high = min(0.0, *changes), max(0.0, *changes)
    room = 0.3 * (high - low or 1)
    figure.update_xaxes(title="change of the score", range=[low - room, high + room], row=1, col=1)
    figure.update_xaxes(title="time (seconds)", range=[0, duration], row=1, col=2)
    figure.update_yaxes(range=[len(rows) - 0.4, -0.6], showgrid=False)
    figure.update_yaxes(tickvals=at, ticktext=words, row=1, col=1)
    return _finish(figure, 760, 105 + 24 * len(rows), margin={"l": 85, "r": 110, "t": 35})
