"""The queries that a report shows one by one: which of them, and each one's figures, for report.html.jinja."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from PIL import Image
from plotly.graph_objects import Figure

from lgn_lite.analysis.explanation import WordEffect, top_predictions, word_effects
from lgn_lite.analysis.mistakes import HIT, TIMINGS, content_of, nearest_window, scene_of, timing_of
from lgn_lite.analysis.predictions import FirstPredictions, ListedPredictions, SplitPredictions
from lgn_lite.annotations import Query, duration_note
from lgn_lite.batches import MomentDataset
from lgn_lite.checkpoint import Checkpoint
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.figures.interactive import map_figure, predictions_figure, words_figure
from lgn_lite.moments import best_iou
from lgn_lite.support.bars import bar
from lgn_lite.support.error_lines import os_error_line
from lgn_lite.video.frames import probe, read_frames

FRAMES = 9  # in the frame strip of a video


def data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def strip_image(frames: np.ndarray) -> str:
    """Frames (T, h, w, 3) uint8 side by side as one JPEG picture, as a data URL."""
    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(frames), axis=1)).save(file, "jpeg", quality=80)
    return data_url(file.getvalue(), "image/jpeg")


@dataclass(frozen=True, eq=False)
class _Sort:
    """A rule that chooses queries."""

    anchor: str
    title: str
    order: list[int]  # the queries that it may choose, the first ones best
    kinds: Callable[[int], tuple[Hashable, ...]]  # of a query: those that were shown least come first
    rule: str
    known: str  # what it chooses from, with numbers
    none: str  # what is said of no queries


class Cards:
    """The queries of the report: which are shown, and what is shown of each."""

    def __init__(
        self,
        data: DataSet,
        models: Mapping[str, Checkpoint],
        predictions: Mapping[str, FirstPredictions],
        found: MomentDataset,
        progress: bool,
    ):
        self.data, self.models, self.predictions, self.found = data, models, predictions, found
        self.own, *others = predictions.values()
        self.other = others[0] if others else None
        self.queries, self.progress = self.own.queries, progress
        self.disagreement = None if self.other is None else self.own.disagreement(self.other)

    def sections(self, count: int) -> list[dict[str, Any]]:
        """The best, the worst, the most disputed: each with the rule that chose its queries, and the queries."""
        chosen = {sort: varied(sort.order, sort.kinds, lambda i: self.queries[i].video, count) for sort in self.sorts()}
        sections = []
        with bar(total=sum(map(len, chosen.values())), desc="queries", progress=self.progress) as shown:
            for sort, numbers in chosen.items():
                few = ""
                if len(numbers) < count:
                    few = f"Only {len(numbers)} of {count}: there are no more such queries of other videos."
                cards = []
                for n, i in enumerate(numbers, start=1):
                    cards.append(self.card(i, f"{sort.anchor}-{n}"))
                    shown.update()
                sections.append({"sort": sort, "few": few, "cards": cards})
        return sections

    def sorts(self) -> list[_Sort]:
        """The rules: an order, and what has to vary, which is the kind of sentence or that of the mistake."""
        iou, first = self.own.iou, "of the first prediction with the ground truth"

        def order(values: torch.Tensor, descending: bool) -> list[int]:
            return values.sort(descending=descending, stable=True).indices.tolist()

        def sentence(i: int) -> tuple[str, ...]:
            return (self.queries[i].tags.get("kind", ""),)

        kind = ", each kind of sentence in turn" if len({sentence(i) for i in range(len(self.queries))}) > 1 else ""
        best = _Sort("best", "The best", order(iou, True), sentence, f"the highest IoU {first}{kind}", "", "")
        mistakes = {i: kinds for i in order(iou, False) if (kinds := self.mistake(i, self.own))[0] != HIT}
        timings = Counter(timing for timing, *_ in mistakes.values())
        known = ", ".join(f"{timings[timing]} {timing}" for timing in TIMINGS if timings[timing])
        rule = f"the lowest IoU {first}, each kind of mistake in turn"
        known = f"{len(mistakes)} of the {len(iou)} queries are mistakes, with an IoU of at most 0.5: {known}."
        none = "No query is a mistake: all first predictions have an IoU above 0.5."
        worst = _Sort("worst", "The worst", list(mistakes), mistakes.__getitem__, rule, known if mistakes else "", none)
        if self.disagreement is None:
            return [best, worst]
        disputed = [i for i in order(self.disagreement, True) if self.disagreement[i] > 0]
        rule = f"the largest disagreement of the two models, 1 − IoU of their first predictions{kind}"
        none = "The two models agree on every query."
        return [best, worst, _Sort("disputed", "The most disputed", disputed, sentence, rule, "", none)]

    def mistake(self, i: int, found: FirstPredictions) -> tuple[str, ...]:
        """How the first prediction for query i misses: in time, and what it shows instead where that is known."""
        query, prediction = self.queries[i], tuple(found.segments[i].tolist())
        kinds = (timing_of(prediction, nearest_window(prediction, query)),)
        if kinds[0] != HIT:
            with suppress(InputError):  # of a real video nobody knows all that happens
                kinds += (content_of(prediction, query, scene_of(query, self.data.folder)),)
        return kinds

    def card(self, i: int, anchor: str) -> dict[str, Any]:
        """All that is shown of query i."""
        query, duration = self.queries[i], self.queries[i].duration
        scores = {name: self.predictions[name].logits[i].sigmoid() for name in self.models}  # listed ones have none
        tops = {name: top_predictions(model.model, scores[name]) for name, model in self.models.items()}
        spans = {name: self.predictions[name].spans[numbers] * duration for name, (numbers, _) in tops.items()}
        shared = {"duration": duration, "ground_truth": query.windows}
        maps = []
        for name in self.models:
            found = self.predictions[name]
            iou = best_iou(found.spans[None], torch.tensor([query.spans], dtype=torch.float64))[0]
            marks = {"predictions": spans[name].tolist(), "dropped": tops[name][1], "iou": iou}
            figure = map_figure(self.models[name].model.moments, scores[name], **shared, **marks)
            first = "{:.1f} – {:.1f} s".format(*spans[name][0].tolist())
            alt = f"Map of the scores of {name}: the highest, {scores[name].max():.2f}, at {first}; {_truth(query)}"
            maps.append(_map(figure, name, alt))
        (name, own), *_ = scores.items()
        difference = None
        # else no difference of scores
        if isinstance(self.other, SplitPredictions) and torch.equal(self.own.spans, self.other.spans):
            change, label = own - scores["baseline"], f"{name} − baseline"
            moments = self.models[name].model.moments
            figure = map_figure(moments, change, **shared, label=label, difference=True)
            alt = f"Map of the scores of {name} minus the baseline's, from {change.min():+.2f} to {change.max():+.2f}"
            maps.append(_map(figure, label, f"{alt}; {_truth(query)}"))
            difference = f"{change.abs().max():.2f}"
        effects = word_effects(self.models[name], self.found.video(query.video), query.sentence)
        words = (effects, duration, spans[name][0], shared["ground_truth"])
        strip, missing = self.frame_strip(i)
        ranked = {name: found.tolist() for name, found in spans.items()}
        for name, found in self.predictions.items():
            if isinstance(found, ListedPredictions):
                ranked[name] = [(start, end) for start, end, _ in found.first(i)]
        return self.row(i) | {
            "anchor": anchor, "windows": query.windows,
            "frame_strip": strip, "missing": missing, "maps": maps, "difference": difference,
            "words": _interactive(words_figure, *words, alt=_words_alt(effects)) if effects else None,
            "predictions": _interactive(predictions_figure, ranked, **shared, alt=self.timeline_alt(i)),
            "models": [
                {"name": name, "prediction": found.segments[i].tolist(), "iou": found.iou[i].item(),
                 "mistake": ", ".join(kinds) if (kinds := self.mistake(i, found))[0] != HIT else ""}
                for name, found in self.predictions.items()
            ],
        }  # fmt: skip

    def timeline_alt(self, i: int) -> str:
        """What the timeline of query i shows, in words."""
        firsts = [
            "first prediction of {}: {:.1f} – {:.1f} s, IoU {:.2f}".format(name, *found.segments[i], found.iou[i])
            for name, found in self.predictions.items()
        ]
        query = self.queries[i]
        return "; ".join([f"Timeline of {query.duration:.1f} seconds: {_truth(query)}", *firsts])

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

    def rows(self, most: int) -> list[dict[str, Any]]:
        """The rows of the table: all queries in the split's order, or of too many those of the highest IoU."""
        if len(self.queries) <= most:
            return [self.row(i) for i in range(len(self.queries))]
        return [self.row(i) for i in self.own.iou.sort(descending=True, stable=True).indices[:most].tolist()]


def varied(
    order: Iterable[int], kinds: Callable[[int], tuple[Hashable, ...]], video: Callable[[int], str], count: int
) -> list[int]:
    """Choose at most `count` queries, none of a video twice, each kind in turn.

    Args:
        order: the queries that may be chosen, the first ones preferred.
        kinds: the kinds of a query; the first one counts most.
        video: the name of a query's video.
        count: how many to choose.

    Returns:
        Their numbers, in the given order.
    """
    order, seen, chosen = list(order), Counter(), []
    left = order
    while left and len(chosen) < count:
        # min takes the first of equals
        chosen.append(min(left, key=lambda i: tuple(seen[place, kind] for place, kind in enumerate(kinds(i)))))
        seen.update(enumerate(kinds(chosen[-1])))
        left = [i for i in left if video(i) != video(chosen[-1])]
    return [i for i in order if i in chosen]


def _truth(query: Query) -> str:
    return "ground truth " + " and ".join(f"{start:.1f} – {end:.1f} s" for start, end in query.windows)


def _words_alt(effects: Sequence[WordEffect]) -> str:
    """What the figure of the words shows, in words."""
    if not effects:
        return ""
    most = min(effects, key=lambda effect: effect.change)
    said = f"the score falls most, by {-most.change:.2f}, without “{most.word}”"
    return f"Change of the score when a word is left out: {said if most.change < 0 else 'it falls without none'}"


def _map(figure: Figure, title: str, alt: str) -> dict[str, Any]:
    """A map for the template: its title, key and colour bar are the page's, so that the maps of a card are aligned."""
    margin = {"l": 48, "r": 8, "t": 8, "b": 44}
    figure.update_layout(width=400, height=396, margin=margin, showlegend=False)  # a square within the margins
    figure.update_traces(showscale=False, selector={"type": "heatmap"})
    return {"title": title} | _content(figure, alt)


def _interactive(plot: Callable[..., Figure], *arguments, alt: str, **options) -> dict[str, Any]:
    """A figure for the template that has another layout in a narrow column."""
    narrow = plot(*arguments, **options, narrow=True)
    return _content(plot(*arguments, **options), alt, narrow)


def _content(figure: Figure, alt: str, narrow: Figure | None = None) -> dict[str, Any]:
    """A figure of plotly's for the template: its size, and its data as JSON that cannot end a script element.

    The template of its style is left out: the page has one for light and one for dark.
    """
    shapes = {"layout": figure} | ({} if narrow is None else {"narrow": narrow})
    content = json.loads(figure.to_json())
    for name, shape in shapes.items():
        content[name] = json.loads(shape.to_json())["layout"]
        del content[name]["template"], content[name]["paper_bgcolor"]
    sizes = {"narrow": None} | {name: shape.layout.to_plotly_json() for name, shape in shapes.items()}
    # with type as large as the text around, and with lower rows: all of a query fits on a sheet of A4
    width, height = 300, 297
    if narrow is not None:
        width, height = 640, figure.layout.height - 12 * len(figure.layout.yaxis.tickvals)
    content["paper"] = sizes["paper"] = {"width": width, "height": height}
    return sizes | {"alt": alt, "json": as_json(content)}


def as_json(content: Any) -> Markup:
    """JSON that cannot end a script element."""
    return Markup(json.dumps(content).replace("<", "\\u003c"))
