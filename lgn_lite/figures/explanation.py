"""Why a model predicts what it does: static counterparts of the inspector's views.

Each takes what `explain` found for one video and one sentence and returns its Figure; interactive.py draws
predictions and words with plotly, maps.py the single map. Late guidance and early modulation have the guide's colour,
the ground truth is green.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lgn_lite.analysis.explanation import Explanation, Gates, WordEffect
from lgn_lite.errors import InputError
from lgn_lite.figures.maps import (
    CHANGE,
    MARK,
    best_span,
    draw_map,
    map_grid,
    moment_span,
    name_ends,
    true_windows,
    widest,
)
from lgn_lite.figures.style import (
    GROUND_TRUTH,
    GUIDE,
    INK,
    OURS,
    SCORES,
    STYLE,
    draw_rows,
    draw_span,
    fill,
    model_styles,
    new_axes,
    to_array,
)
from lgn_lite.moments import Moments, interval_iou

LOWERED = "#6E6E6E"  # what the sentence lowers, dark enough to be seen next to the guide's colour
MANY = 128  # channels: up to here each bar of α can have its number


# What static and interactive figures share ----------------------------------------------------------------------


def prediction_rows(predictions: Mapping[str, Sequence], duration: float, ground_truth=None) -> list[dict]:
    """A row for the ground truth and for each prediction, {model: [(start, end), …]} best first, in seconds.

    A row has label, name (of the model), rank, start, end, and "iou" if the ground truth is known. Raises InputError
    for a prediction that is not a moment of the video, and if there is no prediction.
    """
    rows = []
    for name, spans in predictions.items():
        for rank, span in enumerate(spans, start=1):
            label = f"{name} {rank}" if len(spans) > 1 else name
            start, end = moment_span(span, duration, label)
            rows.append({"label": label, "name": name, "rank": rank, "start": start, "end": end})
    if not rows:
        raise InputError("no predictions to draw: give {model: [(start, end), …]}")
    if not (windows := true_windows(ground_truth, duration)):
        return rows
    for row in rows:
        row["iou"] = interval_iou(torch.tensor([row["start"], row["end"]]), torch.tensor(windows)).max().item()
    named = {"label": "ground truth", "name": "ground truth", "rank": 1}
    return [*(named | {"start": start, "end": end} for start, end in windows), *rows]


def strength(rank: int) -> float:
    """How strong the colour of a model's prediction of this rank is: 1 for the first, less for later ones."""
    return max(0.4, 1 - 0.13 * (rank - 1))


def paler(colour: str, rank: int) -> str:
    """The colour of a model's prediction of this rank: its own for the first, nearer to white for later ones."""
    return mpl.colors.to_hex(1 - (1 - np.array(mpl.colors.to_rgb(colour))) * strength(rank))


def number(value: float, digits: int = 2) -> str:
    """A number with a real minus, and none before zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """A change in words: "+0.12", "−0.40", and "0.00" with no sign."""
    text = number(value, digits)
    return text if text.startswith("−") or not float(text) else f"+{text}"


def digits_of(changes) -> int:
    """How many digits tell these changes of a score apart: 2, and 3 or 4 where all are small."""
    most = widest(changes)
    return 2 if most >= 0.1 else 3 if most >= 0.01 else 4


def word_rows(effects: Sequence[WordEffect], duration: float) -> list[tuple[str, float, float, float]]:
    """(word, change of the score, start, end in seconds of the prediction without it), in sentence order.

    Raises InputError for no effects: a sentence of one word has nothing to leave out.
    """
    if not effects:
        raise InputError("a sentence of one word has nothing to leave out: there are no words to show")
    return [(effect.word, effect.change, *(duration * second for second in effect.prediction)) for effect in effects]


def _shade(ax: Axes, ground_truth, duration: float) -> None:
    for start, end in true_windows(ground_truth, duration):
        ax.axvspan(start, end, color=GROUND_TRUTH, alpha=0.16, lw=0, zorder=0)
        for second in (start, end):
            ax.axvline(second, color=GROUND_TRUTH, lw=1.2, ls="--", zorder=0.5)


# The views ------------------------------------------------------------------------------------------------------


@mpl.rc_context(STYLE)
def plot_predictions(
    predictions: Mapping[str, Sequence], duration: float, ground_truth=None, sentence: str = "", ax: Axes | None = None
) -> Figure:
    """Draw the predictions of one or more models on the video's time axis, a row each, with their IoU.

    Args:
        predictions: {model: [(start, end), …]}, best first, in seconds, such as {"LGN": five, "baseline": five};
            later ones are paler.
        duration: of the video, seconds.
        ground_truth: (start, end) in seconds, or several of these, shaded; None if it is not known.
        sentence: the title.
        ax: where to draw; None makes a new figure.

    Returns:
        The figure.

    Raises:
        InputError: for a prediction that is not a moment of the video, and if there is no prediction.
    """
    rows = prediction_rows(predictions, duration, ground_truth)
    styles = model_styles([row["name"] for row in rows])
    ax = new_axes(size=(9, 1.0 + 0.3 * len(rows)))[1][0, 0] if ax is None else ax
    for y, row in enumerate(rows):
        bar = fill(styles[row["name"]])
        bar["color"] = paler(bar["color"], row["rank"])
        draw_span(ax, y, (row["start"], row["end"]), duration, 0.7, 0.16, row.get("iou"), **bar)
    _shade(ax, ground_truth, duration)
    ax.set(xlabel="time (seconds)", xlim=(0, duration))
    draw_rows(ax, [row["label"] for row in rows], above=0.6, below=0.6)
    if sentence:
        ax.set_title(textwrap.fill(f"“{sentence}”", 95))
    ax.spines["left"].set_visible(False)
    return ax.figure


@mpl.rc_context(STYLE)
def plot_guidance(
    moments: Moments,
    explanation: Explanation,
    duration: float,
    ground_truth=None,
    count: int = 4,
    neutral: str = "the mean α",
) -> Figure:
    """Draw what a sentence does late: how α of eq. 3 differs from the neutral α, and the maps of these channels.

    Bars are α minus `explanation.neutral`, sorted: what this sentence raises or lowers, and not what every sentence
    does. The maps are those that the score is computed from, after the last guidance module, all on one scale with zero
    in the middle.

    Args:
        moments: the P candidates.
        explanation: of `explain`.
        duration: of the video, seconds.
        ground_truth: (start, end) in seconds, or several of these, framed; None if it is not known.
        count: how many of the most raised and of the most lowered channels are named by their numbers and drawn.
        neutral: what the neutral α is, as `explain` was given it.

    Returns:
        The figure.

    Raises:
        InputError: for a model without late guidance.
    """
    strongest = zip(("raised", "lowered"), explanation.strongest(count), strict=True)
    named = {channel: what for what, channels in strongest for channel in channels.tolist()}
    columns = len(named) // 2
    figure = Figure(figsize=(max(9, 2.25 * columns), 7.8), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=(2.6, 5))
    alpha, usual = to_array(explanation.alpha), to_array(explanation.neutral)
    _draw_alpha(top.subplots(), alpha - usual, named, neutral)
    axes = below.subplots(2, columns, squeeze=False, sharex=True, sharey=True)
    edge = widest(explanation.features[:, list(named)])
    for ax, (channel, what) in zip(axes.flat, named.items(), strict=True):
        grid = map_grid(moments, explanation.features[:, channel], f"channel {channel}")
        image = draw_map(ax, grid, duration, CHANGE, -edge, edge, ground_truth)
        values = f"α {number(float(usual[channel]))} → {number(float(alpha[channel]))}"
        weight = f"weight {signed(float(explanation.readout[channel]))}"
        ax.set_title(f"{what}: channel {channel}\n{values}\n{weight}", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("end (seconds)")
    for ax in axes[:, 0]:
        ax.set_ylabel("start (seconds)")
    below.colorbar(image, ax=axes, label="feature", shrink=0.7)
    return figure


def _draw_alpha(ax: Axes, change: np.ndarray, named: Mapping[int, str], neutral: str) -> None:
    order = np.argsort(-change, kind="stable")
    colours = [{"raised": GUIDE, "lowered": LOWERED}.get(named.get(c), "#D9D9D9") for c in order]
    ax.bar(np.arange(len(change)), change[order], width=0.9 if len(change) <= MANY else 1.0, color=colours)
    if len(change) <= MANY:
        for at, channel in enumerate(order):
            if channel in named:
                up = change[channel] >= 0
                shift = {"xytext": (0, 3 if up else -3), "textcoords": "offset points", "va": "bottom" if up else "top"}
                ax.annotate(str(channel), (at, change[channel]), ha="center", fontsize=8, rotation=90, **shift)
    else:  # bars too thin to be named one by one
        for what, side in (("raised", "left"), ("lowered", "right")):
            channels = [channel for channel, sort in named.items() if sort == what]
            x = len(channels) - 0.5 if what == "raised" else len(change) - len(channels) - 0.5
            y = change[channels[0]]
            shift = {"xytext": (4 if side == "left" else -4, 0), "textcoords": "offset points"}
            text = f"{what}: {', '.join(map(str, channels))}"
            ax.annotate(text, (x, y), ha=side, va="top" if y > 0 else "bottom", fontsize=8.5, **shift)
    ax.axhline(0, color=INK, lw=0.8)
    at_end = {"ha": "right", "va": "bottom", "fontsize": 8.5}
    ax.text(len(change) - 0.5, 0, f"0: {neutral} of this channel", **at_end)
    ax.set(ylabel=f"α − {neutral.removeprefix('the ')}", xlim=(-0.6, len(change) - 0.4), xticks=[])
    ax.set_xlabel(f"{len(change)} channels, sorted; the named ones are drawn below")
    ax.margins(y=0.2)


@mpl.rc_context(STYLE)
def plot_steps(
    moments: Moments, steps, duration: float, ground_truth=None, columns: int = 4, neutral: str = "the mean α"
) -> Figure:
    """Draw the score map if 0, 1, … K guidance modules are given the sentence, and below each what its module changed.

    The other modules have the neutral α: they guide too, but alike for every sentence. All scores are drawn from 0 to
    1, all changes on a scale with zero in the middle; a star marks the highest score.

    Args:
        moments: the P candidates.
        steps: (K + 1, P) scores, `Explanation.steps`.
        duration: of the video, seconds.
        ground_truth: (start, end) in seconds, or several of these, framed; None if it is not known.
        columns: maps per row.
        neutral: what the neutral α is, as `explain` was given it.

    Returns:
        The figure.

    Raises:
        InputError: for a model without late guidance.
    """
    scores = to_array(steps)
    if scores.ndim != 2 or len(scores) < 2:
        raise InputError("this model has no late guidance: there are no steps to show")
    changes = np.diff(scores, axis=0)
    columns = min(columns, len(scores))
    blocks = -(-len(scores) // columns)
    figure, axes = new_axes(2 * blocks, columns, size=(2.35 * columns + 1, 4.9 * blocks), sharex=True, sharey=True)
    edge = widest(changes)
    for ax in axes.flat:
        ax.set_visible(False)
    for k, values in enumerate(scores):
        block, column = divmod(k, columns)
        upper, lower = axes[2 * block, column], axes[2 * block + 1, column]
        upper.set_visible(True)
        image = draw_map(upper, map_grid(moments, values, "score"), duration, SCORES, 0, 1, ground_truth)
        start, end = best_span(moments, values, duration)
        upper.plot(end, start, "*", ms=8, label="highest score", **MARK)
        own = "module 1" if k == 1 else f"modules 1 to {k}"
        usual = f"{neutral.removeprefix('the ')} in all modules"
        upper.set_title(f"own α in {own}" if k else usual, fontsize=10)
        if k:
            lower.set_visible(True)
            grid = map_grid(moments, changes[k - 1], "change")
            change = draw_map(lower, grid, duration, CHANGE, -edge, edge, ground_truth)
            lower.set_title(f"changed by module {k}", fontsize=10)
        for ax in (upper, lower):
            ax.tick_params(labelbottom=True, labelleft=column == 0)
            ax.set(xlabel="end (seconds)", ylabel="start (seconds)" if column == 0 else "")
    corner = axes[1, 0]  # no module has changed anything yet: room for what the marks mean
    corner.set_visible(True)
    corner.axis("off")
    corner.legend(*axes[0, 0].get_legend_handles_labels(), loc="center left")
    figure.colorbar(image, ax=axes[0], label="score", shrink=0.8)  # one scale for all rows
    name_ends(figure.colorbar(change, ax=axes[1], label="change of the score", shrink=0.8), ("lowered", "raised"))
    return figure


@mpl.rc_context(STYLE)
def plot_modulation(gates: Sequence[Gates], duration: float, ground_truth=None, count: int = 3) -> Figure:
    """Draw what a sentence does early, a column for each unit of eq. 2.

    From top to bottom: the gate of every channel, sorted; how far each frame is moved, ‖after − before‖ / ‖before‖;
    the channels that change most, before and after.

    Args:
        gates: a unit each, `Explanation.gates`.
        duration: of the video, seconds.
        ground_truth: (start, end) in seconds, or several of these, shaded; None if it is not known.
        count: channels drawn before and after.

    Returns:
        The figure.

    Raises:
        InputError: for a model without an early unit.
    """
    if not gates:
        raise InputError("this model has no early modulation: no unit scales its frames")
    figure, axes = new_axes(2 + count, len(gates), size=(4.8 * len(gates) + 0.4, 3.2 + 1.45 * count))
    for n, (unit, column) in enumerate(zip(gates, axes.T, strict=True), start=1):
        gate, T = np.sort(to_array(unit.gate))[::-1], len(unit.before)  # (C,), frames
        times = (np.arange(T) + 0.5) * duration / T  # the middles of equal parts of the video
        top, moved, *panels = column
        top.fill_between(np.arange(len(gate)), gate, 1, step="mid", color=GUIDE, lw=0)
        top.axhline(1, color=INK, lw=1, ls="--")
        top.axhline(0, color=INK, lw=0.8)
        top.set(
            title=f"unit {n}: gates",
            xlabel=f"{len(gate)} channels, sorted",
            xticks=[],
            ylabel="gate",
            xlim=(0, len(gate) - 1),
        )
        if unit.shift is not None:
            order = to_array(unit.gate).argsort()[::-1]
            top.plot(np.arange(len(gate)), to_array(unit.shift)[order], ".", color=INK, ms=2.5, label="shift")
            top.legend(loc="upper right")
        moved.plot(times, to_array(unit.moved), color=GUIDE)
        moved.set(title="how far each frame is moved", ylabel="of its length")
        moved.set_ylim(bottom=0)
        for ax, channel in zip(panels, unit.most_changed(count).tolist(), strict=False):
            ax.plot(times, to_array(unit.before[:, channel]), color="#7F7F7F", ls="--", label="before")
            ax.plot(times, to_array(unit.after[:, channel]), color=GUIDE, label="after")
            ax.set(title=f"channel {channel}: gate {number(float(unit.gate[channel]))}", ylabel="feature")
        for ax in (moved, *panels):
            _shade(ax, ground_truth, duration)
            ax.set(xlim=(0, duration))
        if panels:
            panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1, ncols=2)
        column[-1].set_xlabel("time (seconds)")
    return figure


@mpl.rc_context(STYLE)
def plot_words(effects: Sequence[WordEffect], duration: float, prediction=None, ground_truth=None) -> Figure:
    """Draw what each word of a sentence does: the score of the prediction without it, and what is predicted instead.

    Args:
        effects: of `word_effects`, in sentence order from the top.
        duration: of the video, seconds.
        prediction: (start, end) in seconds, the first prediction for the whole sentence, outlined at the right.
        ground_truth: (start, end) in seconds, or several of these, shaded; None if it is not known.

    Returns:
        The figure.

    Raises:
        InputError: if there is no effect.
    """
    rows = word_rows(effects, duration)
    figure, ((left, right),) = new_axes(
        1, 2, size=(9, 1.1 + 0.3 * len(rows)), sharey=True, gridspec_kw={"width_ratios": (1, 1.15)}
    )
    own = None if prediction is None else moment_span(prediction, duration, "prediction")
    digits = digits_of([row[1] for row in rows])
    for y, (_, change, start, end) in enumerate(rows):
        lower = change < 0
        left.barh(y, change, 0.7, color=GUIDE if lower else LOWERED, hatch="" if lower else "///", ec="white")
        outside = {"xytext": (-4 if lower else 4, 0), "textcoords": "offset points", "ha": "right" if lower else "left"}
        left.annotate(signed(change, digits), (change, y), va="center", fontsize=8.5, **outside)
        same = own is not None and np.allclose((start, end), own, atol=1e-3)
        style = {"color": "#BFD9EA", "hatch": ""} if same else {"color": OURS, "hatch": "..."}
        right.barh(y, end - start, 0.7, left=start, ec="white", **style)
        note = "the same" if same else f"{start:.1f} – {end:.1f} s"
        right.text(1.02, y, note, fontsize=8.5, va="center", transform=right.get_yaxis_transform())
    if own is not None:
        for second in own:
            right.axvline(second, color=OURS, lw=1.2, ls=":")
    _shade(right, ground_truth, duration)
    left.axvline(0, color=INK, lw=0.9)
    left.set(title="score of the prediction without the word", xlabel="change of the score")
    low, high = (edge(0.0, *(row[1] for row in rows)) for edge in (min, max))
    room = 0.22 * (high - low or 1)  # for the numbers next to the bars
    left.set_xlim(low - room, high + room)
    right.set(title="prediction without the word", xlabel="time (seconds)", xlim=(0, duration))
    for ax in (left, right):
        draw_rows(ax, [row[0] for row in rows], above=0.6, below=0.6)
    return figure
