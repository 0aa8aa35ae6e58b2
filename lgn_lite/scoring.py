"""Scoring: the figures of anybody's predictions, counted as 2D-TAN does (IoU > m) and as Moment-DETR does (≥ m)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.jsonl import Ranked, numbered, read_jsonl, read_predictions
from lgn_lite.moments import interval_iou

KS, THRESHOLDS = (1, 5), (0.3, 0.5, 0.7)  # of R@k, IoU = m
STRICT, INCLUSIVE = ">", ">="
COUNTED: dict[str, Callable[[Tensor, float], Tensor]] = {STRICT: operator.gt, INCLUSIVE: operator.ge}
AP_THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))  # 0.5, 0.55, … 0.95
AP_WINDOWS = 10  # predictions of a query that count for mAP
# QVHighlights' groups by length of a window, seconds: above the first number, up to the second
LENGTHS = {"full": (0.0, float("inf")), "short": (0.0, 10.0), "middle": (10.0, 30.0), "long": (30.0, 150.0)}


def score_files(predictions: str | Path, annotations: str | Path) -> dict[str, dict[str, Any]]:
    """`score` of a file of predictions against one of annotations, both as in `jsonl.py`."""
    queries = numbered(read_jsonl(annotations))
    if not queries:
        raise InputError(f"{annotations}: no queries; give the file that holds the true windows")
    ranked = read_predictions(predictions, queries)
    return score(list(queries.values()), list(ranked.values()))


def score(queries: Sequence[Query], ranked: Sequence[Ranked]) -> dict[str, dict[str, Any]]:
    """R@k, mIoU and mAP of predictions, over all queries and by length of their windows, as QVHighlights has it.

    R@k takes of the first k predictions, in their order, the largest overlap with any true window; mIoU that of the
    first. mAP is as in object detection: of the first ten by falling score each finds at most one true window, and
    each true window is found once; averaged over queries, then over thresholds from 0.5 to 0.95 (≥). A query without a
    prediction is a miss.

    Args:
        queries: the Q queries.
        ranked: the predictions for each.

    Returns:
        {"full": row, "short": row, "middle": row, "long": row}, of which a group holds the true windows of its length
        and the queries that have one; one without any is left out. A row is {"queries": Q, ">": {"R1@0.5": percent, …},
        ">=": {…}, "mIoU": percent, "mAP": percent, "mAP@0.5": percent, …}.

    Raises:
        InputError: if there is no query, or not one list of predictions for each.
    """
    if not queries or len(queries) != len(ranked):
        raise InputError(f"{len(ranked)} predictions for {len(queries)} queries: give one for each, at least one")
    table = {}
    for name, (above, most) in LENGTHS.items():
        windows = [[w for w in query.windows if above < w[1] - w[0] <= most] for query in queries]
        if some := [(found, true) for found, true in zip(ranked, windows, strict=True) if true]:
            table[name] = _row(*zip(*some, strict=True))
    return table


def _row(ranked: Sequence[Ranked], windows: Sequence[Sequence[tuple[float, float]]]) -> dict[str, Any]:
    # (P, W) of each query: predictions, in the order of the file, by true windows
    overlaps = [
        interval_iou(_times(found.windows)[:, None], _times(true)[None])
        for found, true in zip(ranked, windows, strict=True)
    ]
    best = torch.zeros(len(overlaps), max(KS), dtype=torch.float64)  # (Q, k) with any window; 0 without a prediction
    for q, overlap in enumerate(overlaps):
        first = overlap[: max(KS)].amax(dim=1)
        best[q, : len(first)] = first
    row: dict[str, Any] = {"queries": len(best)}
    for sign, passes in COUNTED.items():
        row[sign] = {f"R{k}@{m}": _percent(passes(best[:, :k].amax(dim=1), m)) for k in KS for m in THRESHOLDS}
    row["mIoU"] = _percent(best[:, 0])
    precision = np.mean([average_precision(o, found.scores) for o, found in zip(overlaps, ranked, strict=True)], axis=0)
    row["mAP"] = 100 * float(precision.mean())
    return row | {f"mAP@{m}": 100 * float(value) for m, value in zip(AP_THRESHOLDS, precision, strict=True)}


def average_precision(overlap: Tensor, scores: Sequence[float]) -> list[float]:
    """Average precision of one query's predictions at each of AP_THRESHOLDS, from 0 to 1.

    overlap: (P, W), IoU of predictions with true windows; scores: P numbers. Of equal scores the first comes first.
    """
    W = overlap.shape[1]
    order = np.argsort(-np.asarray(scores[:AP_WINDOWS]), kind="stable")
    # of each prediction, by score: (overlap, number) of the windows, the one that it overlaps most first
    wanted = [sorted(zip(overlap[p].tolist(), range(W), strict=True), key=lambda pair: -pair[0]) for p in order]
    found = []
    for m in AP_THRESHOLDS:
        free, hits = set(range(W)), np.zeros(len(order))
        for rank, windows in enumerate(wanted):
            if (w := next((w for iou, w in windows if iou >= m and w in free), None)) is not None:
                free.remove(w)
                hits[rank] = 1
        precision = hits.cumsum() / np.arange(1, len(hits) + 1)
        # interpolated: the best precision at this recall or a higher one; each hit is one step of recall
        highest = np.maximum.accumulate(precision[::-1])[::-1]
        found.append(float((highest * hits).sum() / W))
    return found


def _times(windows: Sequence[tuple[float, float]]) -> Tensor:
    return torch.tensor(windows, dtype=torch.float64).view(-1, 2)


def _percent(values: Tensor) -> float:
    return 100 * values.double().mean().item()


def score_table(table: dict[str, dict[str, Any]]) -> Any:
    """What `score` returns as a DataFrame: a row per metric, two columns (">", ">=") per group by window length.

    mIoU and the numbers of queries know no threshold: there the two are equal. mAP is counted by >= alone, as in its
    definition: NaN under ">".
    """
    import pandas as pd  # slow to import

    columns = {}
    for group, row in table.items():
        plain = {name: value for name, value in row.items() if name not in COUNTED}
        for sign in COUNTED:
            known = {k: v for k, v in plain.items() if sign == INCLUSIVE or not k.startswith("mAP")}
            columns[group, sign] = row[sign] | known
    return pd.DataFrame(columns, index=["queries", *row[STRICT], *(name for name in plain if name != "queries")])
