"""Sentences that count ("for the second time"): what rules by position answer without counting.

A rule is given all the moments at which the figure does the activity, which a model would have to find first, and picks
one of them by its position. Where such a rule is well above chance the data reward not counting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from lgn_lite.analysis.interventions import paired_by_video
from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.moments import interval_iou
from lgn_lite.support.reading import shown
from lgn_lite.toy.world import Scene

if TYPE_CHECKING:
    from pandas import DataFrame

Span = tuple[float, float]  # start and end, seconds
Rule = Callable[[np.ndarray, Query], int]  # middles (n,) in order of time, fractions of the video; a query → which one

WORDS = ("first", "second", "third", "fourth", "fifth", "sixth")  # what ordinals count up to; "last" is the other end
LAST, MIDDLE, OUTER, BY_WORD, COUNTING = (
    "always the last",
    "nearest to the middle",
    "farthest from the middle",
    "nearest to the word's usual position",
    "counting, as the sentence asks",
)
POSITIONS = np.linspace(0, 1, 41)  # tried for each ordinal's usual position


def occurrences(query: Query, scene: Scene) -> list[Span]:
    """All moments at which the query's figure does its activity, in order of time, seconds.

    query: of Toy-STA; scene: all that happens in its video, as of `scene_of`.
    Raises InputError if the figure does it at no time.
    """
    found = sorted(
        (event.start, event.end)
        for event in scene.events
        if event.activity == query.tags["activity"] and " ".join(scene.figures[event.figure]) == query.tags["figure"]
    )
    if not found:
        raise InputError(f"{query.video}: nothing there is what {shown(query.sentence)} speaks of")
    return found


def ordinal_rules(
    queries: Sequence[Query],
    moments: Sequence[Sequence[Span]],
    train: tuple[Sequence[Query], Sequence[Sequence[Span]]] | None = None,
    threshold: float = 0.5,
) -> DataFrame:
    """What each rule by position answers, next to chance among the moments that it chooses from.

    Rules: always the first, second, … up to the most moments that a query has (the last, where there are fewer); the
    last; nearest to the middle of the video, farthest from it; with `train`, nearest to the position that is best for
    the sentence's ordinal there. The last row counts, and is right of a sentence in which nothing but the ordinal
    decides.

    Args:
        queries: Q queries with an ordinal among their tags.
        moments: for each query the moments that it may speak of, in order of time, seconds: its `occurrences`.
        train: other queries and their moments, from which each ordinal's usual position is learned; without any, that
            row is left out.
        threshold: above this IoU with the ground truth, strictly, a moment is right.

    Returns:
        A row for each rule. Columns, in percent and points: "R1@0.5" (of the threshold); "chance", that of a moment
        drawn at random; "above chance", with "low" and "high", the ends of its interval of 95 % over the videos.

    Raises:
        InputError: if there is no query, one without moments, or an ordinal that no rule knows.
    """
    import pandas as pd  # slow to import

    right = _right(queries, moments, threshold)  # one (n,) bool array per query
    middles = _middles(queries, moments)
    most = max(map(len, moments))
    rules: dict[str, Rule] = {
        f"always the {word}": lambda at, query, i=i: min(i, len(at) - 1) for i, word in enumerate(WORDS[:most])
    }
    rules[LAST] = lambda at, query: len(at) - 1
    rules[MIDDLE] = lambda at, query: int(np.abs(at - 0.5).argmin())
    rules[OUTER] = lambda at, query: int(np.abs(at - 0.5).argmax())
    if train is not None and train[0]:
        usual = _usual_positions(*train, threshold)
        rules[BY_WORD] = lambda at, query: int(np.abs(at - usual.get(query.tags["ordinal"], 0.5)).argmin())
    rules[COUNTING] = lambda at, query: _counted(query.tags["ordinal"], len(at))

    by_chance = torch.tensor([hit.mean() for hit in right])
    rows = {}
    for name, rule in rules.items():
        found = torch.tensor(
            [float(hit[rule(at, query)]) for hit, at, query in zip(right, middles, queries, strict=True)]
        )
        above = paired_by_video(found, by_chance, queries)
        rows[name] = {f"R1@{threshold:g}": 100 * found.mean().item(), "chance": 100 * by_chance.mean().item()}
        rows[name] |= {"above chance": above.mean, "low": above.low, "high": above.high}
    return pd.DataFrame.from_dict(rows, orient="index")


def _right(queries: Sequence[Query], moments: Sequence[Sequence[Span]], threshold: float) -> list[np.ndarray]:
    if not queries or len(queries) != len(moments) or not all(moments):
        raise InputError(f"{len(queries)} queries and moments for {sum(map(bool, moments))}: each query needs some")
    for query in queries:
        _counted(query.tags.get("ordinal", ""), len(WORDS))  # refuses what it does not know
    targets = [torch.tensor((query.start, query.end), dtype=torch.float64) for query in queries]
    return [
        (interval_iou(torch.tensor(spans, dtype=torch.float64), target) > threshold).numpy()
        for spans, target in zip(moments, targets, strict=True)
    ]


def _middles(queries: Sequence[Query], moments: Sequence[Sequence[Span]]) -> list[np.ndarray]:
    return [np.mean(spans, axis=1) / query.duration for query, spans in zip(queries, moments, strict=True)]


def _counted(ordinal: str, count: int) -> int:
    """Which of `count` moments an ordinal names; the last, where there are fewer."""
    if ordinal == "last":
        return count - 1
    if ordinal not in WORDS:
        raise InputError(
            f"the ordinal {shown(ordinal)} is unknown: give sentences with one of {', '.join(WORDS)}, last"
        )
    return min(WORDS.index(ordinal), count - 1)


def _usual_positions(queries: Sequence[Query], moments: Sequence[Sequence[Span]], threshold: float) -> dict[str, float]:
    """{ordinal: the position whose nearest moment is right most often}, fractions of the video."""
    right, middles = _right(queries, moments, threshold), _middles(queries, moments)
    hits: dict[str, np.ndarray] = {}
    for query, hit, at in zip(queries, right, middles, strict=True):
        nearest = np.abs(at - POSITIONS[:, None]).argmin(axis=1)  # (positions,) of (positions, n)
        hits.setdefault(query.tags["ordinal"], np.zeros(len(POSITIONS)))
        hits[query.tags["ordinal"]] += hit[nearest]
    best = {word: POSITIONS[count == count.max()] for word, count in hits.items()}
    return {word: float(positions[len(positions) // 2]) for word, positions in best.items()}  # of equals the middle one
