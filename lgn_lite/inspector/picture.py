"""A picture of the inspector, for where no process can be behind it: in executed copies, on the site, on GitHub."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from lgn_lite.figures.explanation import plot_predictions
from lgn_lite.figures.maps import plot_map
from lgn_lite.figures.style import STYLE
from lgn_lite.moments import Moments

PACKED = {"scores": "<f4", "dropped": "<i4"}  # of a view's model, as `model_view.packed` packs it


@mpl.rc_context(STYLE)
def draw_picture(view: dict[str, Any], models: dict[str, Moments], caption: str) -> Figure | None:
    """Draw the predictions and the maps of a view, under a caption.

    Args:
        view: `Inspector.view`.
        models: the candidates of each model, by its name, in the order of the view's models.
        caption: above all.

    Returns:
        The figure; None if no model has a prediction.
    """
    drawn = {
        name: (moments, model)
        for (name, moments), model in zip(models.items(), view["models"], strict=False)
        if not model["message"]
    }
    if not drawn:
        return None
    predictions = {
        name: [(found["start"], found["end"]) for found in model["predictions"]] for name, (_, model) in drawn.items()
    }
    rows = 1 + sum(map(len, predictions.values()))
    figure = Figure(figsize=(11, 5.6 + 0.25 * rows), layout="constrained")
    figure.suptitle(textwrap.fill(caption, 110), x=0.01, ha="left", fontsize=10, style="italic")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1 + 0.25 * rows, 4.4))
    shared = {"duration": view["duration"], "ground_truth": view["ground_truth"]}
    plot_predictions(predictions, **shared, sentence=view["sentence"], ax=upper.subplots())
    for ax, (name, (moments, model)) in zip(np.ravel(lower.subplots(1, len(drawn))), drawn.items(), strict=True):
        scores, dropped = (np.frombuffer(model[key], kind).tolist() for key, kind in PACKED.items())
        marks = {"predictions": predictions[name], "dropped": dropped}
        plot_map(moments, scores, **shared, **marks, ax=ax, label=f"score of {name}")
    return figure
