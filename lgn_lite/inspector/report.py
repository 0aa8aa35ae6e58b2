"""A report on a checkpoint: its results on a split, and its best, worst and most disputed predictions.

It is one HTML file that holds all that it shows, plotly's script and the frames too: it opens with no network, prints,
and can be sent. Its layout is in report.html.jinja.
"""

from __future__ import annotations

import base64
import io
import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image
from plotly.graph_objects import Figure as PageFigure
from plotly.offline import get_plotlyjs

from lgn_lite.analysis.explanation import top_answers, word_effects
from lgn_lite.analysis.predictions import Answers, split_answers
from lgn_lite.annotations import duration_note
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import Checkpoint, baseline_folder, load_checkpoint
from lgn_lite.config import PRESETS, LGNConfig
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import evaluate_logits
from lgn_lite.figures.interactive import map_figure, predictions_figure, words_figure
from lgn_lite.figures.results import plot_overlaps, plot_results
from lgn_lite.moments import interval_iou
from lgn_lite.recipes import evaluate_constant, evaluation_set
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.support.files import atomic_path
from lgn_lite.support.templates import render
from lgn_lite.video.frames import probe, read_frames

TEMPLATE = Path(__file__).with_name("report.html.jinja")
MAX_ROWS = 2000  # queries in the table of all; more would make the page slow
FRAMES = 9  # in the frame strip of a video
CONSTANT = "best constant interval"


def write_report(
    checkpoint: Checkpoint,
    data: DataSet,
    out: str | Path,
    split: str = "test",
    baseline: Checkpoint | None = None,
    count: int = 4,
    progress: bool = True,
) -> Path:
    """Write the report on a checkpoint's predictions for a split, whole or not at all.

    Args:
        checkpoint: the model; predictions that are cached next to it are not computed again.
        data: the data set.
        out: the file to write.
        split: the name of the split.
        baseline: a second model to compare with; None reports on one alone.
        count: how many queries are shown of the best, of the worst and, with a baseline, of the most disputed.
        progress: whether a bar is shown while predictions are computed.

    Returns:
        The path of the file.

    Raises:
        InputError: as `split_answers` does, and for a count below 1.
        OSError: if the file cannot be written.
    """
    if count < 1:
        raise InputError(f"count={count}: show at least one query of each sort")
    out = Path(out)
    _check_writable(out)
    models = {_name(checkpoint, baseline): checkpoint} | ({} if baseline is None else {"baseline": baseline})
    predictions = {name: split_answers(model, data, split, progress) for name, model in models.items()}
    cards = _Cards(data, models, predictions, evaluation_set(data, checkpoint, split))
    results = {  # `course.evaluate_checkpoint`, from predictions that are there already
        name: evaluate_logits(models[name].model, found.logits, found.queries, data.thresholds, data.length_edges)
        for name, found in predictions.items()
    }
    constant = evaluate_constant(data, split)
    page = render(
        TEMPLATE,
        name=next(iter(models)),
        data=data,
        split=split,
        about=[(name, _about(model)) for name, model in models.items()],
        changed=_changed(checkpoint),
        tables=_tables(results | {CONSTANT: constant}),
        figures=_figures(results, constant, predictions, data),
        sections=cards.sections(count),
        rows=cards.rows(),
        total=len(cards.queries),
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
    return "LGN" if variant == "full" else variant


def _about(checkpoint: Checkpoint) -> dict[str, str]:
    """What was trained on what."""
    about, trained = checkpoint.about, checkpoint.trained
    rate = f", {about.rate:g} per second" if about.rate else ""
    measured = [(name, trained[name]) for name in ("R1@0.5", "R1@0.7", "mIoU") if name in trained]
    rows = {
        "checkpoint": "/".join(checkpoint.folder.absolute().parts[-4:]),  # not where the machine keeps its files
        "trained on": about.data,
        "features": f"{about.encoder}, {about.layer}{rate}" if about.encoder else "",
        "training": ", ".join(f"{key} {value}" for key, value in about.training.items()),
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


def _figures(results: Mapping, constant: Mapping, predictions: Mapping[str, Answers], data: DataSet) -> dict[str, Any]:
    """The figures of results by their group; "all" has the distribution of IoU too."""
    # the baseline first, as in the paper's tables; the last one has our colour
    ordered = dict(sorted(results.items(), key=lambda item: item[0] != "baseline"))
    rates = [f"R1@{m:g}" for m in data.thresholds]
    found = {}
    for group in constant:  # by group a panel for each: the two strictest say most
        chosen = (*rates, "mIoU") if group == "all" else rates[-2:]
        figure = plot_results(ordered, chosen, None if group == "all" else group, constant)
        of = "of all queries" if group == "all" else f"by {group}"
        found[group] = [_picture(figure, f"Results {of} as bars; the table has the same numbers")]
    overlaps = {name: predictions[name].iou.numpy() for name in ordered}
    alt = "Left a histogram of the first predictions' IoU with the ground truth; right the queries above each IoU"
    found["all"].append(_picture(plot_overlaps(overlaps), alt))
    return found


def _picture(figure: Figure, alt: str) -> dict[str, Any]:
    """A figure as a picture within the page, sharp on fine screens too."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    width, height = figure.get_size_inches()
    return {"src": _data(file, "image/png"), "alt": alt, "width": round(95 * width), "height": round(95 * height)}


def _data(file: io.BytesIO, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def strip_image(frames: np.ndarray) -> str:
    """Frames (T, h, w, 3) uint8 side by side as one JPEG picture, as a data URL."""
    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(frames), axis=1)).save(file, "jpeg", quality=80)
    return _data(file, "image/jpeg")


def _check_writable(out: Path) -> None:
    """InputError or OSError if no file can be written there, before an hour is spent on what it would hold."""

    class Checked(Exception):
        """The temporary file is not to stay."""

    if out.is_dir() or (out.exists() and not out.is_file()):  # a device or a pipe would be replaced by a file
        raise InputError(f"{out}: a folder, a device or a pipe, not a file: give another name for the report")
    try:
        with suppress(Checked), atomic_path(out) as temporary:
            temporary.touch()
            raise Checked
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(out)) from error


class _Cards:
    """The queries of the report: which are shown, and what is shown of each."""

    def __init__(
        self, data: DataSet, models: Mapping[str, Checkpoint], predictions: Mapping[str, Answers], found: MomentDataset
    ):
        self.data, self.models, self.predictions, self.found = data, models, predictions, found
        self.own, *others = predictions.values()
        self.other = others[0] if others else None
        self.queries = self.own.queries
        self.disagreement = None if self.other is None else self.own.disagreement(self.other)

    def sections(self, count: int) -> list[dict[str, Any]]:
        """The best, the worst, the most disputed: each with the rule that chose its queries, and the queries."""
        iou, of = self.own.iou, "IoU of the first prediction with the ground truth"
        rules = [("best", "The best", iou, True, f"highest {of}"), ("worst", "The worst", iou, False, f"lowest {of}")]
        if self.disagreement is not None:
            of = "disagreement of the two models, 1 − IoU of their first predictions"
            rules.append(("disputed", "The most disputed", self.disagreement, True, f"largest {of}"))
        sections = []
        for anchor, title, values, descending, rule in rules:
            order = values.sort(descending=descending, stable=True).indices[:count].tolist()
            edge = values[order[-1]]
            equal, shown = int((values == edge).sum()), sum(bool(values[i] == edge) for i in order)
            ties = ""
            if equal > shown:
                ties = f"{equal} queries have {edge:.2f}: {shown} of them are shown, the first in the split's order."
            cards = [self.card(i, f"{anchor}-{n}") for n, i in enumerate(order, start=1)]
            sections.append({"anchor": anchor, "title": title, "rule": rule, "ties": ties, "cards": cards})
        return sections

    def card(self, i: int, anchor: str) -> dict[str, Any]:
        """All that is shown of query i."""
        query, moments = self.queries[i], next(iter(self.models.values())).model.moments
        scores = {name: found.logits[i].sigmoid() for name, found in self.predictions.items()}
        tops = {name: top_answers(checkpoint.model, scores[name]) for name, checkpoint in self.models.items()}
        spans = {name: self.predictions[name].spans[numbers] * query.duration for name, (numbers, _) in tops.items()}
        shared = {"duration": query.duration, "ground_truth": (query.start, query.end)}
        overlap = interval_iou(self.own.spans, torch.tensor(query.span, dtype=torch.float64))
        (name, own), *_ = scores.items()
        maps = [
            map_figure(
                moments, own, **shared, iou=overlap, predictions=spans[name].tolist(), dropped=tops[name][1], title=name
            )
        ]
        if self.other is not None:
            if torch.equal(self.own.spans, self.other.spans):
                label = f"{name} − baseline"
                maps.append(
                    map_figure(moments, own - scores["baseline"], **shared, label=label, difference=True, title=label)
                )
            else:  # another map: no difference of scores
                theirs = self.models["baseline"].model.moments
                tops = {"predictions": spans["baseline"].tolist(), "dropped": tops["baseline"][1]}
                maps.append(map_figure(theirs, scores["baseline"], **shared, **tops, title="baseline"))
        effects = word_effects(next(iter(self.models.values())), self.found.video(query.video), query.sentence)
        words = words_figure(effects, query.duration, spans[name][0], shared["ground_truth"]) if effects else None
        strip, missing = self.frame_strip(i)
        ranked = {name: found.tolist() for name, found in spans.items()}
        return self.row(i) | {
            "anchor": anchor, "frame_strip": strip, "missing": missing, "words": words and _interactive(words),
            "predictions": _interactive(predictions_figure(ranked, **shared)),
            "maps": [_interactive(figure.update_layout(width=510, height=450)) for figure in maps],
        }  # fmt: skip

    def frame_strip(self, i: int) -> tuple[str, str]:
        """Frames from the middles of equal parts of query i's video, and a note on what is missing."""
        query = self.queries[i]
        path = self.data.video(query.video)
        if path is None or not path.is_file():
            return "", "The video file is not here: no frames."
        try:
            note = duration_note(query.duration, probe(path).duration) or ""
            frames, _ = read_frames(path, 2 * FRAMES / query.duration, 96)
        except (InputError, OSError) as error:
            reason = os_error_line(error) if isinstance(error, OSError) else str(error)
            return "", f"The video file cannot be read: {reason.removeprefix(str(path)).lstrip(': ')}"
        return strip_image(frames[1::2][:FRAMES]), note

    def row(self, i: int) -> dict[str, Any]:
        """Query i in the table of all: a number is None if there is no second model."""
        query, (start, end) = self.queries[i], self.own.segments[i].tolist()
        return {
            "number": i, "sentence": query.sentence, "video": query.video, "kind": query.tags.get("kind", ""),
            "ground_truth": (query.start, query.end), "duration": query.duration,
            "prediction": (start, end), "iou": self.own.iou[i].item(),
            "other": None if self.other is None else self.other.iou[i].item(),
            "disagreement": None if self.disagreement is None else self.disagreement[i].item(),
        }  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table: all queries in the split's order, or of too many those of the highest IoU."""
        if len(self.queries) <= MAX_ROWS:
            return [self.row(i) for i in range(len(self.queries))]
        return [self.row(i) for i in self.own.iou.sort(descending=True, stable=True).indices[:MAX_ROWS].tolist()]


def _interactive(figure: PageFigure) -> dict[str, Any]:
    """A figure of plotly's for the template: its size, and its data as JSON that cannot end a script element."""
    content = json.dumps({key: json.loads(figure.to_json())[key] for key in ("data", "layout")})
    layout = figure.layout
    return {"width": layout.width, "height": layout.height, "json": Markup(content.replace("<", "\\u003c"))}
