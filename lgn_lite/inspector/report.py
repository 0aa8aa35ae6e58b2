"""A report on a checkpoint: its results on a split, and its best, worst and most disputed predictions.

It is one HTML file that holds all that it shows, plotly's script and the frames too: it opens with no network, prints,
and can be sent. Its layout is in report.html.jinja. Figures are drawn in the reader's colours, light or dark, and in
light ones on paper.
"""

from __future__ import annotations

import io
import re
import shlex
import warnings
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from plotly.io import templates
from plotly.offline import get_plotlyjs

from lgn_lite.analysis.predictions import (
    FirstPredictions,
    ListedPredictions,
    listed_predictions,
    split_predictions,
)
from lgn_lite.checkpoint import Checkpoint, baseline_folder, load_checkpoint
from lgn_lite.config import PRESETS, LGNConfig, variant_title
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import evaluate_logits, score_predictions
from lgn_lite.figures.maps import DIFFERENCE
from lgn_lite.figures.results import plot_overlaps, plot_results
from lgn_lite.figures.style import DARK, SCORES
from lgn_lite.inspector.report_cards import Cards, as_json, data_url
from lgn_lite.recipes import evaluate_constant, evaluation_set
from lgn_lite.support.files import atomic_path, check_writable
from lgn_lite.support.templates import render
from lgn_lite.video.vgg import LAYERS

TEMPLATE = Path(__file__).with_name("report.html.jinja")
MAX_ROWS = 2000  # queries in the table of all; more would make the page slow
CONSTANT = "best constant interval"


def write_report(
    checkpoint: Checkpoint,
    data: DataSet,
    out: str | Path,
    split: str = "test",
    baseline: Checkpoint | None = None,
    count: int = 4,
    progress: bool = True,
    listed: str | Path | None = None,
) -> Path:
    """Write the report on a checkpoint's predictions for a split, whole or not at all.

    Args:
        checkpoint: the model; predictions that are cached next to it are not computed again.
        data: the data set.
        out: the file to write.
        split: the name of the split.
        baseline: a second model to compare with; None reports on one alone.
        count: how many queries are shown of the best, of the worst and, with a baseline, of the most disputed.
        progress: whether bars are shown, on a terminal, while predictions and the queries' figures are made.
        listed: a file of predictions of anybody's model to compare with, in Moment-DETR's jsonl.

    Returns:
        The path of the file.

    Raises:
        InputError: as `split_predictions` does, and for a count below 1.
        OSError: if the file cannot be written.
    """
    if count < 1:
        raise InputError(f"count={count}: show at least one query of each sort")
    out = Path(out)
    check_writable(out, "the report")
    models = {_name(checkpoint, baseline): checkpoint} | ({} if baseline is None else {"baseline": baseline})
    predictions = {name: split_predictions(model, data, split, progress) for name, model in models.items()}
    if listed is not None:
        other = listed_predictions(listed, data.queries(split))
        predictions[other.name if other.name not in models else f"{other.name} (file)"] = other
    cards = Cards(data, models, predictions, evaluation_set(data, checkpoint, split), progress)
    measured = data.thresholds, data.length_edges
    results = {  # `recipes.evaluate_checkpoint`, from predictions that are there already
        name: score_predictions([one.windows for one in found.ranked], found.queries, *measured)
        if isinstance(found, ListedPredictions)
        else evaluate_logits(models[name].model, found.logits, found.queries, *measured)
        for name, found in predictions.items()
    }
    # it is chosen on the training split, which other queries than the checkpoint's own may not have
    constant = {CONSTANT: evaluate_constant(data, split)} if "train" in data.splits else {}
    page = render(
        TEMPLATE,
        name=next(iter(models)),
        data=data,
        split=split,
        about=[(name, _about(models[name]) if name in models else {"checkpoint": str(listed)}) for name in predictions],
        changed=_changed(checkpoint),
        inspect=inspect_command(checkpoint, data, split, baseline, listed),
        tables=_tables(results | constant),
        figures=_figures(results, constant, predictions, data),
        sections=cards.sections(count),
        rows=cards.rows(MAX_ROWS),
        total=len(cards.queries),
        looks=_looks(),
        plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),
    )
    with atomic_path(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return out


def sibling_baseline(checkpoint: Checkpoint, device: str = "cpu") -> Checkpoint | None:
    """The baseline of the same run (`checkpoint.baseline_folder`); None if there is none.

    One that cannot be read is reported by a warning and left out: the user did not request it.
    """
    folder = baseline_folder(checkpoint.folder)
    if folder is None:
        return None
    try:
        return load_checkpoint(folder, device)
    except InputError as error:
        warnings.warn(f"no baseline: {error}", stacklevel=2)
        return None


def _name(checkpoint: Checkpoint, baseline: Checkpoint | None) -> str:
    """What the report calls the checkpoint; "baseline" is the other one's, if there is one."""
    variant = checkpoint.variant or "full"
    if variant == "baseline" and baseline is not None:
        return "this model"
    return variant_title(variant)


def _shown(folder: Path) -> str:
    """A folder as seen from the current one, or the end of its path: not where the machine keeps its files."""
    folder, here = folder.absolute(), Path.cwd()
    return folder.relative_to(here).as_posix() if folder.is_relative_to(here) else "/".join(folder.parts[-4:])


def inspect_command(
    checkpoint: Checkpoint, data: DataSet, split: str, baseline: Checkpoint | None, listed: str | Path | None = None
) -> str:
    """The command that opens the inspector on what is reported."""
    words = ["lgn-lite", "inspect", _shown(checkpoint.folder), "--split", split]
    if baseline is not None and baseline.folder.resolve() != baseline_folder(checkpoint.folder):
        words += ["--baseline", _shown(baseline.folder)]
    if data.name != checkpoint.about.data_set:
        words += ["--data", data.name]
    if listed is not None:
        words += ["--predictions", str(listed)]
    return shlex.join(words + (["--size", data.size] if data.size not in ("", "small") else []))


def _about(checkpoint: Checkpoint) -> dict[str, str]:
    """What was trained on what."""
    about, trained = checkpoint.about, checkpoint.trained
    layer = f", {about.layer}" if about.layer in LAYERS else ""
    rate = f", {about.rate:g} per second" if about.rate else ""
    measured = [(name, trained[name]) for name in ("R1@0.5", "R1@0.7", "mIoU") if name in trained]
    rows = {
        "checkpoint": _shown(checkpoint.folder),
        "trained on": about.data,
        "features": f"{about.encoder}{layer}{rate}" if about.encoder else "",
        "training": ", ".join(f"{key} {variant_title(value)}" for key, value in about.training.items()),
        "epoch": trained.get("epoch", ""),
        "on the validation split": ", ".join(f"{name} {float(value):.1f}" for name, value in measured),
        "parameters": f"{sum(weight.numel() for weight in checkpoint.model.parameters()):,}",
    }
    return {name: text for name, text in rows.items() if text}


def _changed(checkpoint: Checkpoint) -> tuple[str, list[tuple[str, str, str, str]]] | None:
    """The preset of the model's data set, and (setting, value, the preset's, meaning) where the model differs."""
    name = {"toy-sta": "toy"}.get(checkpoint.about.data_set, checkpoint.about.data_set)
    if name not in PRESETS:
        return None
    own, preset = checkpoint.model.config.table(), LGNConfig.preset(name).table()
    pairs = zip(chain.from_iterable(own.values()), chain.from_iterable(preset.values()), strict=True)
    found = [(key.rstrip(" *"), value, other, text) for (key, value, text), (_, other, _) in pairs if value != other]
    return name, [row for row in found if row[0] != "vocabulary_size"]  # the words are not the preset's


def _tables(results: Mapping[str, Mapping]) -> list[dict[str, Any]]:
    """Over all queries and by group: a row per model and label, percentages as text, "" if one is not measured."""
    first = next(iter(results.values()))
    metrics = [name for name in first["all"] if name != "queries"]
    tables = []
    for group in first:
        labels = [""] if group == "all" else list(first[group])
        rows = []
        for label in labels:
            for name, result in results.items():
                row = result["all"] if group == "all" else result[group][label]
                cells = [f"{row[metric]:.1f}" if metric in row else "" for metric in metrics]
                rows.append({"label": label, "queries": row["queries"], "model": name, "cells": cells})
        tables.append({"group": group, "metrics": metrics, "rows": rows, "models": len(results)})
    return tables


def _figures(
    results: Mapping, constant: Mapping, predictions: Mapping[str, FirstPredictions], data: DataSet
) -> dict[str, Any]:
    """The figures of results by their group; "all" has the distribution of IoU too."""
    # the baseline first, as in the paper's tables; the last one has our colour
    ordered = dict(sorted(results.items(), key=lambda item: item[0] != "baseline"))
    rates = [f"R1@{m:g}" for m in data.thresholds]
    found = {}
    for group in ordered[next(iter(ordered))]:  # by group a panel for each: the two strictest say most
        chosen = (*rates, "mIoU") if group == "all" else rates[-2:]
        figure = plot_results(ordered, chosen, None if group == "all" else group, constant.get(CONSTANT))
        found[group] = [_picture(figure, _in_words(ordered | constant, chosen, group))]
    overlaps = {name: predictions[name].iou.numpy() for name in ordered}
    alt = "Left a histogram of the first predictions' IoU with the ground truth; right the queries above each IoU. "
    alt += " ".join(
        f"{name}: mean IoU {iou.mean():.2f}, median {np.median(iou):.2f}." for name, iou in overlaps.items()
    )
    found["all"].append(_picture(plot_overlaps(overlaps), alt))
    return found


def _in_words(results: Mapping[str, Mapping], metrics: Iterable[str], group: str) -> str:
    """What the bars of `plot_results` show: the numbers, or by group the lowest and the highest of each model."""
    said = []
    for metric in metrics:
        for name, result in results.items():
            if group == "all":
                said.append(f"{metric} of {name} {result['all'][metric]:.1f}")
            else:
                low, *_, high = sorted((row[metric], label) for label, row in result[group].items()) * 2
                said.append(f"{metric} of {name} from {low[0]:.1f} ({low[1]}) to {high[0]:.1f} ({high[1]})")
    of = "of all queries" if group == "all" else f"by {group}"
    return f"Bars of the results {of}, in percent: {'; '.join(said)}."


def _picture(figure: Figure, alt: str) -> dict[str, Any]:
    """A figure as a vector picture within the page, for light pages and for dark ones."""
    file = io.BytesIO()
    # no date and no version, and names of parts that do not change: the same report twice is the same file
    with mpl.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    light = file.getvalue().decode()
    # matplotlib leaves black out, SVG's default
    dark = re.sub("#[0-9a-f]{6}", lambda colour: DARK.get(colour[0], colour[0]), light)
    dark = dark.replace("<svg ", f'<svg fill="{DARK["#000000"]}" ', 1)
    width, height = figure.get_size_inches()
    kind = "image/svg+xml"
    light, dark = (data_url(svg.encode(), kind) for svg in (light, dark))
    return {"light": light, "dark": dark, "alt": alt, "width": round(95 * width), "height": round(95 * height)}


def _looks() -> dict[str, Any]:
    """What is light and dark: plotly's templates, the colours to change, and the colours of the two scales."""
    card = DARK["#ffffff"]
    dark = templates["plotly_dark"].to_plotly_json()
    dark["layout"] |= {"paper_bgcolor": card, "plot_bgcolor": card}
    viridis = [mpl.colors.to_hex(colour) for colour in mpl.colormaps[SCORES](np.linspace(0, 1, 17))]
    return {
        "json": as_json({"light": templates["plotly_white"].to_plotly_json(), "dark": dark, "colours": DARK}),
        "card": card, "colours": DARK, "scores": ", ".join(viridis), "difference": ", ".join(DIFFERENCE),
        "dark_difference": ", ".join(DARK.get(colour.lower(), colour) for colour in DIFFERENCE),
    }  # fmt: skip
