"""Figures: one look for the whole course, matplotlib for print and plotly for the page.

Holds the colours, the style, and one function per figure: retrievals as in the paper's Figure 3, the temporal map, a
video's script, training curves, result bars, gates. The model's drawing is in diagram.py. Each function takes arrays or
tensors and returns its Figure; showing it is left to the caller. A colour never tells a thing alone: its place, its
label, and a hatch or a marker tell it too.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lgn_lite.errors import InputError
from lgn_lite.moments import Moments, interval_iou

# Okabe and Ito's palette: its colours stay apart for colour-blind readers
TRUTH, BASELINE, OURS = "#009E73", "#E69F00", "#0072B2"
GUIDE = "#D55E00"  # the sentence at work: arrows and gates
OTHERS = ("#56B4E9", "#CC79A7", "#F0E442", "#7F7F7F")  # further models
HOLE, IMPOSSIBLE, INK = "#D9D9D9", "#F7F7F7", "#222222"
SCORES = "cividis"  # colormap: low is dark, also in grey print

STYLE = {
    "figure.facecolor": "white",  # opaque: legible on a dark page too
    "savefig.facecolor": "white",
    "savefig.pad_inches": 0.15,
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
    """Set matplotlib to the course's look, for the reader's own figures; those of this file have it anyway."""
    mpl.rcParams.update(STYLE)


def looks(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour, hatch and marker of each name: truth and baseline have their own, the last other name is ours."""
    known = {"truth": (TRUTH, "", "D"), "baseline": (BASELINE, "///", "s")}
    others = [name for name in names if name.lower() not in known]
    spare = zip(OTHERS, ("\\\\\\", "xxx", "---", "+++"), "^vPX", strict=True)
    drawn = [(OURS, "...", "o") if name == others[-1] else next(spare, (INK, "", ".")) for name in others]
    table = dict(zip(others, drawn, strict=True))
    return {
        n: dict(zip(("color", "hatch", "marker"), known.get(n.lower()) or table[n], strict=True))
        for n in names
    }


def _array(values) -> np.ndarray:
    return torch.as_tensor(values).detach().float().cpu().numpy()


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The caller's axes, or those of a new figure, closed for pyplot: a notebook would show it twice otherwise."""
    if ax is None:
        figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
        plt.close(figure)
    return ax


def _span(span, duration: float, name: str) -> tuple[float, float]:
    start, end = (float(second) for second in span)
    if not -1e-3 <= start < end <= duration + 1e-3:  # a millisecond: spans may have been float32 fractions
        raise InputError(
            f"{name}: {start:g} to {end:g} s is no moment of a video of {duration:g} s; give start < end in seconds"
        )
    return start, end


@mpl.rc_context(STYLE)
def plot_retrieval(
    frames, times, duration: float, sentence: str, bars: Mapping, ax: Axes | None = None
) -> Figure:
    """Draw one query, its video and the answers to it, as in the paper's Figure 3.

    frames (T, h, w, 3) uint8 at `times` (T,) in seconds: at most twelve are shown, each centred at its own time. `bars`
    maps a label to (start, end) in seconds, from top to bottom; with a bar "truth" the others get their tIoU. Raises
    InputError for times that do not fit the frames, and for a bar that is no moment of the video.
    """
    frames, times = np.asarray(frames), np.asarray(times, dtype=float)
    if frames.ndim != 4 or len(frames) != len(times) or not len(times):
        raise InputError(
            f"{len(times)} times for frames of shape {frames.shape}; give (T, h, w, 3) and T times"
        )
    T, height, width, _ = frames.shape  # frames, pixels, pixels, RGB
    bars = {label: _span(span, duration, label) for label, span in bars.items()}
    step = math.ceil(T / 12)
    shown = np.arange((T - 1) % step // 2, T, step)
    size = 0.96 * min(
        np.diff(times[shown]).min(initial=duration / 6), duration / 6
    )  # a thumbnail's width, in seconds
    # both axes count seconds and are equally scaled, so that a thumbnail cannot be distorted, whatever the figure's size
    strip, row = size * height / width, 0.034 * duration
    new, ax = ax is None, _axes(ax, 10, 3)
    for t, frame in zip(times[shown], frames[shown], strict=True):
        ax.imshow(frame, extent=(t - size / 2, t + size / 2, 0, strip))
    at = {label: -(i + 0.8) * row for i, label in enumerate(bars)}
    for label, look in looks(list(bars)).items():
        (start, end), y = bars[label], at[label]
        ax.barh(
            y,
            end - start,
            0.66 * row,
            left=start,
            color=look["color"],
            hatch=look["hatch"],
            edgecolor="white",
        )
        beside = {
            "x": end + 0.008 * duration,
            "ha": "left",
        }  # the seconds: right of the bar, else left, else on it
        if end > 0.87 * duration:
            beside = {"x": start - 0.008 * duration, "ha": "right"}
            if start < 0.13 * duration:
                beside = {
                    "x": (start + end) / 2,
                    "ha": "center",
                    "bbox": {"fc": "white", "ec": "none", "pad": 1},
                }
        ax.text(y=y, s=f"{start:.1f} – {end:.1f} s", va="center", fontsize=9, **beside)
        if "truth" in bars and label != "truth":
            iou = interval_iou(torch.tensor(bars[label]), torch.tensor(bars["truth"])).item()
            ax.text(1.01, y, f"tIoU {iou:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=9)
    if "truth" in bars:
        ax.vlines(bars["truth"], at["truth"], strip, color=TRUTH, linestyle="--", linewidth=1.4)
    ax.set(
        title=textwrap.fill(f"“{sentence}”", 95),
        xlabel="time (seconds)",
        xlim=(min(0, times[shown[0]] - size / 2), max(duration, times[shown[-1]] + size / 2)),
        ylim=(-(len(bars) + 0.35) * row, strip),
        yticks=list(at.values()),
        yticklabels=list(at),
        aspect="equal",
    )
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_bounds(0, duration)
    ax.tick_params(axis="y", length=0)
    if new:
        _fit_height([ax])
    return ax.figure


def _fit_height(axes: Sequence[Axes]) -> None:
    """Give each retrieval the height that its equally scaled axes need, plus 0.95 inch for title and time axis."""
    needed = [8.3 * np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim()) + 0.95 for ax in axes]
    axes[0].get_gridspec().set_height_ratios(needed)
    axes[0].figure.set_size_inches(10, sum(needed))


@mpl.rc_context(STYLE)
def plot_retrievals(examples: Sequence[Mapping]) -> Figure:
    """Draw several retrievals under each other; each example holds plot_retrieval's arguments by name."""
    figure, axes = plt.subplots(len(examples), figsize=(10, 3), squeeze=False, layout="constrained")
    plt.close(figure)
    for ax, example in zip(axes[:, 0], examples, strict=True):
        plot_retrieval(**example, ax=ax)
    _fit_height(axes[:, 0])
    return figure


def _grid(moments: Moments, values, name: str) -> np.ndarray:
    """Values (P,) as a map (N, N) of start and end, NaN where there is no candidate."""
    values, N = _array(values), len(moments.mask)  # (P,), map size
    if values.shape != (len(moments),):
        raise InputError(
            f"{name}: shape {values.shape} for {len(moments)} candidates; give one value for each"
        )
    grid = np.full((N, N), np.nan)
    grid[_array(moments.start_index).astype(int), _array(moments.end_index).astype(int)] = values
    return grid


def _best(moments: Moments, scores, duration: float) -> tuple[float, float]:
    best = int(np.argmax(_array(scores)))
    return float(moments.starts[best]) * duration, float(moments.ends[best]) * duration


@mpl.rc_context(STYLE)
def plot_map(
    moments: Moments,
    scores,
    duration: float,
    truth=None,
    answer=None,
    ax: Axes | None = None,
    label: str = "score",
) -> Figure:
    """Draw the scores (P,) as the 2D temporal map: end on the x axis, start on the y axis, downwards, both in seconds.

    A cell is centred at its moment's exact start and end, so that any moment is a point of the map. `truth` and
    `answer` are (start, end) in seconds; without an answer the highest score is marked. Cells without a candidate are
    hatched, impossible ones (end before start) pale. Raises InputError for scores that do not fit the candidates.
    """
    grid = _grid(moments, scores, label)
    N, step = len(grid), duration / len(grid)
    name, marked = (
        ("answer", answer) if answer is not None else (f"highest {label}", _best(moments, scores, duration))
    )
    ax = _axes(ax, 6, 4.9)
    edges = (step / 2, duration + step / 2, duration - step / 2, -step / 2)  # left, right, bottom, top
    hole = mpl.patches.Rectangle(
        (0, 0), 1, 1, transform=ax.transAxes, fc="#F0F0F0", ec="#B0B0B0", hatch="////", lw=0
    )
    ax.add_patch(hole)
    impossible = np.ma.masked_equal(np.tril(np.ones((N, N)), -1), 0)
    ax.imshow(impossible, extent=edges, cmap=mpl.colors.ListedColormap([IMPOSSIBLE]))
    image = ax.imshow(np.ma.masked_invalid(grid), extent=edges, cmap=SCORES)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9)
    if truth is not None:
        start, end = _span(truth, duration, "truth")
        box = {"fill": False, "ec": "white", "lw": 4}  # a white rim keeps the outline visible on every score
        for look in (box, box | {"ec": TRUTH, "lw": 2.2, "label": "truth"}):
            ax.add_patch(mpl.patches.Rectangle((end - step / 2, start - step / 2), step, step, **look))
    start, end = _span(marked, duration, name)
    ax.plot(end, start, "*", ms=13, mfc="white", mec="black", ls="none", label=name)
    if np.isnan(grid[np.triu_indices(N)]).any():
        hole.set_label("no candidate")
    ax.set(xlabel="end (seconds)", ylabel="start (seconds)", xlim=edges[:2], ylim=edges[2:])
    ax.legend(loc="lower left")  # in the impossible half
    return ax.figure


def map_figure(
    moments: Moments, scores, duration: float, truth=None, answer=None, iou=None, title: str = ""
) -> go.Figure:
    """Make plot_map's figure for the page: hovering over a cell tells start, end, score and, where given, IoU (P,)."""
    grid = _grid(moments, scores, "score")
    N, step = len(grid), duration / len(grid)
    starts, ends = np.arange(N) * step, np.arange(1, N + 1) * step
    place = "start %{y:.1f} s<br>end %{x:.1f} s"
    hover = (
        place
        + "<br>score %{z:.3f}"
        + ("" if iou is None else "<br>IoU %{customdata:.2f}")
        + "<extra></extra>"
    )
    holes = np.where(np.isnan(grid) & np.triu(np.ones((N, N), bool)), 1.0, np.nan)
    flat = {
        "colorscale": [[0, HOLE], [1, HOLE]],
        "showscale": False,
        "hovertemplate": place + "<extra>no candidate</extra>",
    }
    figure = go.Figure()
    if (holes == 1).any():
        figure.add_heatmap(
            x=ends, y=starts, z=holes, name="no candidate", hoverongaps=False, xgap=1, ygap=1, **flat
        )
    figure.add_heatmap(
        x=ends,
        y=starts,
        z=grid,
        customdata=None if iou is None else _grid(moments, iou, "IoU"),
        name="score",
        colorscale=SCORES,
        colorbar={"title": "score"},
        hovertemplate=hover,
        hoverongaps=False,
    )
    marks = {
        "truth": (truth, {"symbol": "square-open", "size": 15, "color": TRUTH, "line": {"width": 3}}),
        "answer": (
            answer if answer is not None else _best(moments, scores, duration),
            {"symbol": "star", "size": 13, "color": "white", "line": {"color": "black", "width": 1}},
        ),
    }
    for name, (span, marker) in marks.items():
        if span is not None:
            start, end = _span(span, duration, name)
            text = f"{name}: {start:.1f} – {end:.1f} s<extra></extra>"
            figure.add_scatter(
                x=[end], y=[start], mode="markers", name=name, marker=marker, hovertemplate=text
            )
    figure.update_xaxes(
        title="end (seconds)", range=[step / 2, duration + step / 2], constrain="domain", showgrid=False
    )
    figure.update_yaxes(
        title="start (seconds)",
        range=[duration - step / 2, -step / 2],
        scaleanchor="x",
        constrain="domain",
        showgrid=False,
    )
    figure.update_layout(
        template="plotly_white",
        paper_bgcolor="white",
        title=title,
        width=560,
        height=480,
        margin={"l": 60, "r": 20, "t": 50 if title else 20, "b": 55},
        legend={"x": 0.02, "y": 0.02, "yanchor": "bottom"},
    )
    return figure


@mpl.rc_context(STYLE)
def plot_timeline(events: Sequence[tuple], duration: float, ax: Axes | None = None) -> Figure:
    """Draw who does what when: events are (row label, start, end, text, colour), in seconds; rows in order of appearance."""
    rows = list(dict.fromkeys(event[0] for event in events))
    ax = _axes(ax, 10, 0.75 + 0.55 * len(rows))
    for row, start, end, text, colour in events:
        start, end = _span((start, end), duration, f"{row}, “{text}”")
        ax.barh(rows.index(row), end - start, 0.8, left=start, color=colour, edgecolor="white", linewidth=1.5)
        letters = max(5, int((end - start) / duration * 118))  # that fit into the bar's width
        red, green, blue = mpl.colors.to_rgb(colour)
        ink = INK if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        where = ((start + end) / 2, rows.index(row))
        ax.text(
            *where,
            textwrap.fill(text, letters),
            color=ink,
            ha="center",
            va="center",
            fontsize=8.5,
            clip_on=True,
        )
    ax.set(xlabel="time (seconds)", xlim=(0, duration), yticks=range(len(rows)), yticklabels=rows)
    ax.set_ylim(len(rows) - 0.5, -0.5)  # the first row on top
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#DDDDDD")
    ax.set_axisbelow(True)
    return ax.figure


@mpl.rc_context(STYLE)
def plot_curves(history, metrics: Sequence[str] = ("R1@0.5", "R1@0.7")) -> Figure:
    """Draw training loss by step and validation recall by epoch, for one history or {model name: history}.

    A history is a list of records with "step", "epoch" and "loss" or some of `metrics` in percent, or both.
    """
    histories = history if isinstance(history, Mapping) else {"": history}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    plt.close(figure)
    for (name, records), look in zip(histories.items(), looks(list(histories)).values(), strict=True):
        losses = [(record["step"], record["loss"]) for record in records if "loss" in record]
        left.plot(*zip(*losses, strict=True), color=look["color"], label=name)
        for metric, line in zip(metrics, ("-", "--", ":", "-."), strict=False):
            points = [(record["epoch"], record[metric]) for record in records if metric in record]
            if points:
                mark = {"marker": look["marker"], "ms": 5, "color": look["color"], "linestyle": line}
                right.plot(*zip(*points, strict=True), label=f"{name} {metric}".strip(), **mark)
    left.set(xlabel="training step", ylabel="loss", title="Training loss")
    right.set(xlabel="epoch", ylabel="recall (%)", title="Validation", ylim=(0, 100))
    right.xaxis.get_major_locator().set_params(integer=True)
    for ax in (left, right):
        ax.grid(axis="y", color="#DDDDDD")
    if len(histories) > 1:
        left.legend()
    right.legend(loc="center left", bbox_to_anchor=(1, 0.5))  # outside: curves may be anywhere
    return figure


@mpl.rc_context(STYLE)
def plot_results(
    table: Mapping,
    metrics: Sequence[str] = ("R1@0.5", "R1@0.7", "mIoU"),
    group: str | None = None,
    chance: Mapping | None = None,
) -> Figure:
    """Draw metrics.summarise's results of several models, {model name: summary}, as bars with their values in percent.

    One panel over all queries, or with `group`, such as "kind", one panel per metric and one cluster per value of the
    group. `chance` is one more summary, drawn as a line. Raises InputError for a result that is not in the table.
    """

    def value(summary: Mapping, name: str, key: str, metric: str) -> float:
        try:
            return summary["all"][metric] if group is None else summary[group][key][metric]
        except KeyError as error:
            raise InputError(
                f"{name}: no result {error} in its summary; evaluate it with that group and metric"
            ) from None

    if group is None:
        panels = {"": [("", metric) for metric in metrics]}
    else:
        keys = list(dict.fromkeys(key for summary in table.values() for key in summary.get(group, {})))
        panels = {metric: [(key, metric) for key in keys] for metric in metrics}
    figure, axes = plt.subplots(
        len(panels), figsize=(9, 1 + 2.6 * len(panels)), squeeze=False, sharex=True, layout="constrained"
    )
    plt.close(figure)
    width = 0.8 / len(table)
    for ax, (title, clusters) in zip(axes[:, 0], panels.items(), strict=True):
        for i, (name, look) in enumerate(looks(list(table)).items()):
            heights = [value(table[name], name, key, metric) for key, metric in clusters]
            at = np.arange(len(clusters)) + (i - (len(table) - 1) / 2) * width
            style = {"color": look["color"], "hatch": look["hatch"], "edgecolor": "white"}
            ax.bar_label(ax.bar(at, heights, width, label=name, **style), fmt="%.1f", fontsize=8)
        if chance is not None:
            lines = [value(chance, "chance", key, metric) for key, metric in clusters]
            at = np.arange(len(clusters))
            ax.hlines(
                lines, at - 0.45, at + 0.45, color="black", linestyle="--", label="best constant interval"
            )
        ax.set(title=title, ylabel="percent of queries" if title != "mIoU" else "mIoU (%)", ylim=(0, 105))
        ax.set_xticks(range(len(clusters)), [key or metric for key, metric in clusters])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(table) + 1)
    return figure


@mpl.rc_context(STYLE)
def plot_gates(gates: Mapping[str, object], label: str = "α") -> Figure:
    """Draw the gates (C,) of each sentence over the channels, all in the order of the first sentence's gates.

    `gates` maps one sentence or a few to the factors that it gives the channels: α of eq. 3, or W_M f_s of eq. 2. Where
    a second panel looks disordered, the second sentence asks for other channels. The correlation says how much.
    """
    values = {sentence: _array(gate).ravel() for sentence, gate in gates.items()}
    first = next(iter(values.values()))
    if any(len(gate) != len(first) for gate in values.values()):
        raise InputError("plot_gates: the sentences' gates differ in number; take them from the same layer")
    order = np.argsort(-first)
    figure, axes = plt.subplots(
        len(values),
        figsize=(9, 0.8 + 1.7 * len(values)),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    plt.close(figure)
    for ax, (sentence, gate) in zip(axes[:, 0], values.items(), strict=True):
        ax.bar(np.arange(len(gate)), gate[order], width=0.9, color=np.where(gate[order] < 0, BASELINE, OURS))
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set(title=f"“{sentence}”", ylabel=label, xlim=(-0.6, len(gate) - 0.4))
        if gate is not first:
            correlation = f"correlation with the first {np.corrcoef(first, gate)[0, 1]:.2f}"
            ax.set_title(correlation, loc="right", fontsize=9)
    axes[-1, 0].set_xlabel(
        "channel" if len(first) <= 32 else f"{len(first)} channels, in the first sentence's order"
    )
    axes[-1, 0].set_xticks(range(len(first)) if len(first) <= 32 else [], order if len(first) <= 32 else [])
    return figure
