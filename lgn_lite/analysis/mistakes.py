"""A taxonomy of mistakes: how a prediction misses in time, and, on Toy-STA, what it shows instead.

The first sort needs the annotations alone and fits any data set; the second needs to know all that happens in a
video, which is known of drawn videos only.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.moments import interval_iou
from lgn_lite.support.reading import finite_number, read_json, shown
from lgn_lite.toy.build import LONG
from lgn_lite.toy.scenes import make_scene
from lgn_lite.toy.world import PAIRS, Scene, forms_of

Span = tuple[float, float]  # start and end, seconds

VIDEO_NAME = re.compile(r"(?:toy-)?(?P<split>.+)-(?P<index>[0-9]{1,9})")

HIT = "hit"
# In the order of how close they come
TIMINGS = (HIT, "too long", "too short", "shifted", "elsewhere")
# Keys of saved results, whose spelling therefore stays: "borders"
CONTENTS = (HIT, "right event, wrong borders", "same pair at another time", "another figure does it")
CONTENTS += ("one of its two events", "the figure does something else", "another figure, something else", "no event")


def _overlap(a: Span, b: Span) -> float:
    """Seconds that two spans share."""
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0]))


def _iou(a: Span, b: Span) -> float:
    return interval_iou(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)).item()


def nearest_window(prediction: Span, query: Query) -> Span:
    """Of a query's true windows the one that a prediction overlaps most; of equal ones the nearest in time."""
    middle = sum(prediction) / 2
    return max(query.windows, key=lambda window: (_iou(prediction, window), -abs(sum(window) / 2 - middle)))


def timing_of(prediction: Span, ground_truth: Span, threshold: float = 0.5, most: float = 0.9) -> str:
    """How a prediction misses in time.

    Args:
        prediction, ground_truth: (start, end), seconds.
        threshold: above this IoU, strictly, the prediction is a hit.
        most: the share of one of the two that lies in the other, from which it is too long or too short.

    Returns:
        One of TIMINGS. "too long": the prediction holds at least `most` of the ground truth. "too short": at least
        `most` of the prediction lies in the ground truth. "shifted": the two share some other part. "elsewhere": they
        share nothing.
    """
    shared = _overlap(prediction, ground_truth)
    if _iou(prediction, ground_truth) > threshold:
        return HIT
    if shared >= most * (ground_truth[1] - ground_truth[0]):
        return "too long"
    if shared >= most * (prediction[1] - prediction[0]):
        return "too short"
    return "shifted" if shared > 0 else "elsewhere"


def scene_of(query: Query, folder: str | Path) -> Scene:
    """All that happens in a Toy-STA video, from the seed that its folder was drawn with.

    Raises InputError if the folder does not hold Toy-STA, or the query is not one of it.
    """
    path = Path(folder) / "toy_sta.json"
    try:
        drawn = read_json(path, "draw the data set again")
        name = VIDEO_NAME.fullmatch(query.video)
        if name is None:
            raise InputError("not the name of a drawn one, such as toy-test-0000")
        seed, figures = (finite_number(drawn.get(key), key, least=0) for key in ("seed", "num_figures"))
        long = str(drawn.get("size")).endswith(LONG)
        scene = make_scene(int(seed), name["split"], int(name["index"]), int(figures), long)
    except InputError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise InputError(
            f"{path}: says nothing about the video {shown(query.video)}, as only Toy-STA can: {reason}"
        ) from error
    if not any((form.start, form.end) == (query.start, query.end) for form in forms_of(scene)):
        raise InputError(f"{path}: video {shown(query.video)} has no moment from {query.start} to {query.end} s")
    return scene


def content_of(prediction: Span, query: Query, scene: Scene, threshold: float = 0.5) -> str:
    """What the prediction for a Toy-STA query shows: the event that it shares the most seconds with.

    Of two events with the same share the one with the larger IoU counts. A sequence, and what "while" and "until" ask
    for, is made of two events: to show one of them alone is a mistake of its own.

    Args:
        prediction: (start, end), seconds.
        query: of Toy-STA.
        scene: all that happens in the query's video, `scene_of`.
        threshold: above this IoU, strictly, the prediction is a hit.

    Returns:
        One of CONTENTS; "no event" if nobody does anything during the prediction.
    """
    if _iou(prediction, (query.start, query.end)) > threshold:
        return HIT
    best = max(scene.events, key=lambda event: _closeness(prediction, (event.start, event.end)))
    asked, found = (query.start, query.end), (best.start, best.end)
    if _overlap(prediction, found) == 0 and _overlap(prediction, asked) == 0:
        return "no event"
    if _closeness(prediction, asked) >= _closeness(prediction, found):  # a moment that two events make is no event
        return "right event, wrong borders"
    figure, tags = " ".join(scene.figures[best.figure]), query.tags
    if tags["kind"] in PAIRS and (figure, best.activity) in (
        (tags["figure"], tags["activity"]), (tags["other_figure"], tags["other_activity"]),
    ):  # fmt: skip
        return "one of its two events"
    same_figure, same_activity = figure == tags["figure"], best.activity == tags["activity"]
    if same_figure and same_activity:
        return "same pair at another time"
    if same_activity:
        return "another figure does it"
    return "the figure does something else" if same_figure else "another figure, something else"


def _closeness(prediction: Span, event: Span) -> tuple[float, float]:
    return _overlap(prediction, event), _iou(prediction, event)
