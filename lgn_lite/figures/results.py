"""Figures of numbers: training curves, results as bars, the gates that a sentence gives the channels."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from lgn_lite.analysis.data_statistics import count_spans
from lgn_lite.errors import InputError
from lgn_lite.figures.style import (
    GUIDE,
    INK,
    OURS,
    SCORES,
    STYLE,
    draw_grid,
    draw_rows,
    fill,
    model_styles,
    new_axes,
    to_array,
)


@mpl.rc_context(STYLE)
def plot_curves(history, metrics: Sequence[str] = ("R1@0.5", "R1@0.7")) -> Figure:
    """Draw training loss by step and validation recall by epoch, for one history or {model name: history}.

    A history is a list of records with "step", "epoch", and "loss" or some of `metrics` in percent, or both.
    """
    histories = history if isinstance(history, Mapping) else {"": history}
    figure, ((left, right),) = new_axes(1, 2, size=(10, 3.5))
    for name, style in model_styles(histories).items():
        losses = [(record["step"], record["loss"]) for record in histories[name] if "loss" in record]
        if losses:
            left.plot(*zip(*losses, strict=True), color=style["color"], label=name)
        for metric, line in zip(metrics, ("-", "--", ":", "-."), strict=False):
            points = [(record["epoch"], record[metric]) for record in histories[name] if metric in record]
            if points:
                mark = {"color": style["color"], "marker": style["marker"], "ms": 5, "linestyle": line}
                right.plot(*zip(*points, strict=True), label=f"{name} {metric}".strip(), **mark)
    left.set(xlabel="training step", ylabel="loss", title="Training loss")
    right.set(xlabel="epoch", ylabel="percent of queries", title="Validation", ylim=(0, 100))
    right.xaxis.get_major_locator().set_params(integer=True)
    for ax in (left, right):
        draw_grid(ax, "y")
    if len(histories) > 1:
        left.legend()
    if right.lines:
        right.legend(loc="center left", bbox_to_anchor=(1, 0.5))  # outside: curves may be anywhere
    return figure


def _result(summary: Mapping, name: str, group: str | None, key: str, metric: str) -> float:
    try:
        return summary["all"][metric] if group is None else summary[group][key][metric]
    except KeyError as error:
        raise InputError(f"{name}: its summary has no {error}; evaluate it with that group and metric") from None


@mpl.rc_context(STYLE)
def plot_results(
    table: Mapping[str, Mapping],
    metrics: Sequence[str] = ("R1@0.5", "R1@0.7", "mIoU"),
    group: str | None = None,
    chance: Mapping | None = None,
) -> Figure:
    """Draw what metrics.summarise says of several models, {model name: summary}, as bars, values in percent.

    Args:
        table: {model name: summary}.
        metrics: names of metrics, such as "R1@0.5".
        group: None draws one panel over all queries; a group, such as "kind", one panel per metric and in it one
            cluster of bars per value of the group.
        chance: one more summary, that of the best constant interval, drawn as a line.

    Returns:
        The figure.

    Raises:
        InputError: for a result that a summary does not hold.
    """
    panels = {"": [("", metric) for metric in metrics]}  # title -> clusters: value of the group, metric
    if group is not None:
        keys = list(dict.fromkeys(key for summary in table.values() for key in summary.get(group, {})))
        panels = {metric: [(key, metric) for key in keys] for metric in metrics}
    size = (9, 3.6) if group is None else (9, 0.9 + 2.1 * len(panels))
    figure, axes = new_axes(len(panels), size=size, sharex=True)
    width = 0.8 / len(table)
    for ax, (title, clusters) in zip(axes[:, 0], panels.items(), strict=True):
        at = np.arange(len(clusters))
        handles = []
        for i, (name, style) in enumerate(model_styles(table).items()):
            values = [_result(table[name], name, group, *cluster) for cluster in clusters]
            handles.append(ax.bar(at + (i - (len(table) - 1) / 2) * width, values, width, label=name, **fill(style)))
            ax.bar_label(handles[-1], fmt="%.1f", fontsize=8)
        if chance is not None:
            values = [_result(chance, "chance", group, *cluster) for cluster in clusters]
            dashes = {"color": "black", "linestyle": "--", "label": "best constant interval"}
            handles.append(ax.hlines(values, at - 0.45, at + 0.45, **dashes))
        ax.set(title=title, ylabel="percent", ylim=(0, 107), yticks=range(0, 101, 20))
        ax.set_xticks(at, [key or metric for key, metric in clusters])
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


@mpl.rc_context(STYLE)
def plot_gates(gates: Mapping[str, object], label: str = "α") -> Figure:
    """Draw the gates (C,) of one sentence or a few, {sentence: gates}, all in the order of the first sentence's.

    Gates are the factors that a sentence gives the channels: α of eq. 3, or W_M f_s of eq. 2. If the
    second panel is disordered, its sentence raises other channels; the correlation says how much. Raises InputError
    for gates of different numbers.
    """
    values = {sentence: to_array(gate).ravel() for sentence, gate in gates.items()}
    first = next(iter(values.values()))
    if any(len(gate) != len(first) for gate in values.values()):
        raise InputError("the sentences' gates differ in number; take them from the same layer")
    order, few = np.argsort(-first), len(first) <= 32
    figure, axes = new_axes(len(values), size=(9, 0.9 + 1.7 * len(values)), sharex=True, sharey=True)
    for ax, (sentence, gate) in zip(axes[:, 0], values.items(), strict=True):
        colours = np.where(gate[order] < 0, "#7F7F7F", GUIDE)
        ax.bar(np.arange(len(gate)), gate[order], width=0.9 if few else 1.0, color=colours)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set(title=f"“{sentence}”", ylabel=label, xlim=(-0.6, len(gate) - 0.4))
        if gate is not first:
            correlation = np.corrcoef(first, gate)[0, 1]
            ax.set_title(f"correlation with the first: {correlation:.2f}", loc="right", fontsize=9)
    bottom = axes[-1, 0]
    bottom.set_xticks(range(len(first)) if few else [], order if few else [])
    bottom.set_xlabel("channel" if few else f"{len(first)} channels, in the order of the first sentence")
    return figure


@mpl.rc_context(STYLE)
def plot_seeds(
    found: Mapping[str, Mapping[int, float]],
    differences: Mapping[str, tuple[float, float, float]],
    metric: str = "R1@0.5",
    reference: str = "",
) -> Figure:
    """Draw each row's runs, and how the row differs from a reference.

    Left a dot per seed and a line at their mean; right the paired difference with its interval, filled if the
    interval excludes zero, open if it does not.

    Args:
        found: {row: {seed: percent}}.
        differences: {row: (mean, low, high)} in points; a row without one stays empty on the right.
        metric: what was measured.
        reference: the row that the others are compared to, for the label.

    Returns:
        The figure.
    """
    names = list(found)
    figure, ((left, right),) = new_axes(1, 2, size=(10, 0.9 + 0.42 * len(names)), sharey=True)
    keys = {name: "baseline" if name.startswith("baseline") else name for name in names}
    table = model_styles(sorted(keys.values(), key="LGN".__eq__))  # ours is the last one
    for y, name in enumerate(names):
        style = table[keys[name]]
        numbers = np.array(list(found[name].values()))
        left.plot(numbers, np.full(len(numbers), y), style["marker"], color=style["color"], alpha=0.75, ms=6)
        left.vlines(numbers.mean(), y - 0.32, y + 0.32, color=INK, linewidth=1.6)
        left.annotate(f"{numbers.mean():.1f}", (numbers.mean(), y - 0.34), ha="center", va="bottom", fontsize=8)
        if name in differences:
            mean, low, high = differences[name]
            excludes_zero = not low <= 0 <= high
            right.hlines(y, low, high, color=style["color"], linewidth=2.2)
            inside = style["color"] if excludes_zero else "white"
            right.plot(mean, y, style["marker"], mfc=inside, mec=style["color"], ms=7, mew=1.6)
    right.axvline(0, color=INK, linewidth=0.9, linestyle=":")
    left.set(xlabel=f"{metric}, percent", title="a dot per seed, and the mean")
    about = f" over {reference}" if reference else ""
    right.set(xlabel=f"{metric}, points{about}", title="paired difference, 95 % interval")
    for ax in (left, right):
        draw_rows(ax, names, above=0.75)
    return figure


@mpl.rc_context(STYLE)
def plot_overlaps(overlaps: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how the first predictions' IoU (Q,) of one or more models is distributed, and R1 at every threshold."""
    figure, ((left, right),) = new_axes(1, 2, size=(9, 3.3))
    edges, width = np.linspace(0, 1, 11), 0.088 / len(overlaps)
    for i, (name, style) in enumerate(model_styles(overlaps).items()):
        values = np.asarray(overlaps[name])
        share = 100 * np.histogram(values, edges)[0] / len(values)
        left.bar(edges[:-1] + 0.006 + (i + 0.5) * width, share, width, label=name, **fill(style))
        at = np.linspace(0, 1, 201)
        above = 100 * (values[:, None] > at).mean(axis=0)  # strict, as R@n,IoU=m has it
        right.plot(at, above, color=style["color"], marker=style["marker"], markevery=20, ms=5, label=name)
    left.set(
        xlabel="IoU of the first prediction",
        ylabel="percent of queries",
        title="how good the predictions are",
        xlim=(0, 1),
    )
    right.set(xlabel="m", title="R1@m at every m", xlim=(0, 1), ylim=(0, 100))
    for ax in (left, right):
        draw_grid(ax, "y")
    if len(overlaps) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(overlaps))
    return figure


@mpl.rc_context(STYLE)
def plot_spans(spans: Mapping[str, object], grid: int = 20) -> Figure:
    """Draw where moments lie: a map and the lengths for each data set, all maps in one colour scale.

    The map has the end on the x axis and the start on the y axis downwards, as the 2D temporal map has, and
    counts the moments in cells of 1/grid; a cell without any is white. The scale is logarithmic.

    Args:
        spans: for each data set's name, its spans (Q, 2) as fractions of the video, or what `count_spans` made of
            them.
        grid: cells per axis; that of counts that are given is their own.
    """
    counted = {name: value if isinstance(value, Mapping) else count_spans(value, grid) for name, value in spans.items()}
    shares = {name: 100 * np.array(found["map"]) / found["moments"] for name, found in counted.items()}
    lowest = min(share[share > 0].min() for share in shares.values())
    scale = LogNorm(lowest, max(share.max() for share in shares.values()) + 1e-9)
    figure, axes = new_axes(len(spans), 2, size=(9.5, 3.7 * len(spans)), width_ratios=(1, 1.15))
    for (left, right), (name, found) in zip(axes, counted.items(), strict=True):
        edges, bins = (np.linspace(0, 1, len(found[what]) + 1) for what in ("map", "lengths"))
        image = left.pcolormesh(edges, edges, np.ma.masked_equal(shares[name], 0), cmap=SCORES, norm=scale)
        figure.colorbar(image, ax=left, label="percent of the moments", format="%g")
        left.plot((0, 1), (0, 1), color="#777777", linewidth=1)
        left.text(0.3, 0.7, "end before start", color="#777777", ha="center", fontsize=9)
        left.set(xlabel="end (fraction of the video)", ylabel="start (fraction of the video)", aspect="equal")
        left.set(title=f"{name}: {found['moments']:,} moments", xlim=(0, 1), ylim=(1, 0))
        lengths = 100 * np.array(found["lengths"]) / found["moments"]
        right.bar(bins[:-1], lengths, np.diff(bins), align="edge", color=OURS, edgecolor="white", lw=0.5)
        right.axvline(found["median"], color=INK, linestyle="--", linewidth=1.2, label=f"median {found['median']:.2f}")
        right.set(xlabel="length (fraction of the video)", ylabel="percent of the moments", xlim=(0, 1))
        draw_grid(right, "y")
        right.legend()
    return figure
