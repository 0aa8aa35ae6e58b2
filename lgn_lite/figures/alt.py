"""What a figure shows, in words, for readers who do not see it: titles, axes, kinds of marks, names and extremes.

A function that can say it better gives its figure a label (matplotlib: `figure.set_label(words)`) or a meta
(plotly: `figure.update_layout(meta={"alt": words})`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

FEW = 10  # names, values or notes that are listed one by one
PLOTLY_KINDS = {"bar": "bars", "heatmap": "map", "scatter": "lines", "histogram": "histogram", "image": "pictures"}


def describe(figure: Figure) -> str:
    """A matplotlib figure in words: its own label, or what can be read off its axes."""
    if figure.get_label():
        return str(figure.get_label())
    scales = {ax: ax.get_ylabel() or ax.get_xlabel() for ax in figure.axes if ax.get_label() == "<colorbar>"}
    shown = [ax for ax in figure.axes if ax.get_visible() and ax not in scales]
    panels = [words for ax in shown if (words := _panel(ax, next(iter(scales.values()), "")))]
    parts = [figure.get_suptitle(), f"{len(panels)} panels" if len(panels) > 1 else "", *dict.fromkeys(panels)]
    names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    parts.append(_listed([name for name in names if not any(name in panel for panel in panels)]))
    return _plain(". ".join(filter(None, parts))) or "a drawing"


def _panel(ax: Axes, scale: str) -> str:
    """One axes in words; `scale` is what colours stand for that have no bar of their own. Empty if nothing is drawn."""
    title = " · ".join(filter(None, (ax.get_title(loc) for loc in ("left", "center", "right"))))
    marks = list(dict.fromkeys(_marks(ax, scale)))
    notes = [text.get_text() for text in ax.texts if text.get_text().strip()]
    if not (marks or notes or ax.patches):
        return title
    y, x = (ax.get_ylabel(), ax.get_xlabel()) if ax.axison else ("", "")
    labels = [name for name in ax.get_legend_handles_labels()[1] if not any(f"“{name}”" in mark for mark in marks)]
    names = [_listed(each) for each in (_categories(ax.yaxis), _categories(ax.xaxis), labels, notes)]
    words = "; ".join(filter(None, [" over ".join(filter(None, (y, x))), ", ".join(marks), *names]))
    return ": ".join(filter(None, (title, words)))


def _marks(ax: Axes, scale: str) -> Iterator[str]:
    """The kinds of what is drawn, with the extremes of values."""
    pictures = 0
    for image in [*ax.images, *(mesh for mesh in ax.collections if isinstance(mesh, QuadMesh))]:
        values = np.ma.masked_invalid(np.ma.asarray(image.get_array(), dtype=float))
        if values.ndim == 3 and values.shape[-1] in (3, 4):
            pictures += 1
        elif values.count() and values.min() < values.max():  # else a mask of one colour
            own = image.colorbar.ax.get_ylabel() or image.colorbar.ax.get_xlabel() if image.colorbar else scale
            yield f"map of {own or 'values'} from {_range(values.min(), values.max())}"
    if pictures:
        yield "picture" if pictures == 1 else f"{pictures} pictures"
    bars = [each for each in ax.containers if isinstance(each, BarContainer)]
    heights = [height for each in bars for height in each.datavalues]
    if bars:
        upright = bars[0].orientation == "vertical" and len(heights) > FEW
        yield f"{len(heights)} bars up to {_number(max(heights))}" if upright else "bars"
    for line in ax.lines:
        y = np.ma.masked_invalid(np.ma.asarray(line.get_ydata(orig=False), dtype=float)).compressed()
        if line.get_transform() != ax.transData or len(y) < 3:
            continue  # a rule, or a mark
        if line.get_linestyle() in ("None", "none", "", " "):
            yield "points"
        else:
            name = "" if str(line.get_label()).startswith("_") else f"“{line.get_label()}” "
            runs = min(y[0], y[-1]) <= y.min() and y.max() <= max(y[0], y[-1])  # from end to end
            yield f"line {name}" + (
                f"from {_range(y[0], y[-1])}" if runs else f"between {_range(y.min(), y.max(), 'and')}"
            )
    if any(isinstance(each, PathCollection) for each in ax.collections):
        yield "points"
    if any(not isinstance(each, PathCollection | QuadMesh | LineCollection) for each in ax.collections):
        yield "areas"


def _categories(axis: Any) -> list[str]:
    """The words at an axis' ticks; empty for numbers."""
    labels = [label.get_text() for label in axis.get_ticklabels() if label.get_text()]
    return labels if axis.axes.axison and any(re.search(r"[^\W\d_]", label) for label in labels) else []


def describe_plotly(figure: Mapping[str, Any]) -> str:
    """One of plotly's figures, as JSON holds it, in words."""
    layout, traces = figure.get("layout", {}), figure.get("data", [])
    meta = layout.get("meta")
    if isinstance(meta, Mapping) and meta.get("alt"):
        return str(meta["alt"])
    axes = [_title(layout[key]) for key in sorted(layout) if re.fullmatch(r"[xy]axis\d*", key)]
    kinds = [PLOTLY_KINDS.get(trace.get("type", "scatter"), trace.get("type", "")) for trace in traces]
    names = [str(trace["name"]) for trace in traces if trace.get("name")]
    notes = [note.get("text", "") for note in layout.get("annotations", [])]
    what = " and ".join(dict.fromkeys(filter(None, kinds))) or "empty"
    over = ", ".join(dict.fromkeys(filter(None, axes)))
    listed = [_listed(list(dict.fromkeys(each))) for each in (names, notes) if any(each)]
    parts = [_title(layout), "; ".join(filter(None, [f"interactive figure: {what}", over and f"axes {over}", *listed]))]
    return _plain(unescape(re.sub("<[^>]*>", " ", ": ".join(filter(None, parts)))))


def _title(holder: Mapping[str, Any]) -> str:
    title = holder.get("title", "")
    return str(title.get("text", "") if isinstance(title, Mapping) else title or "")


def _range(first: float, last: float, between: str = "to") -> str:
    """Two numbers; one that is next to nothing against the other is 0."""
    largest = max(abs(first), abs(last))
    return f" {between} ".join(_number(0 if abs(value) < 1e-3 * largest else value) for value in (first, last))


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _listed(names: Sequence[str]) -> str:
    """The names, or the first of many and how many there are."""
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def _plain(text: str) -> str:
    """Without line breaks and TeX's marks."""
    return " ".join(re.sub(r"[$\\{}]", "", text).split())
