"""Evaluation: temporal NMS, R@n,IoU=m, mean IoU, and the answer that needs no video."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import nms as box_nms

from lgn_lite.errors import InputError
from lgn_lite.moments import interval_iou

Predictions = Tensor | Sequence[Any]  # (Q, P, 2), or Q arrays of (P_q, 2); best first


def temporal_nms(segments: Tensor, threshold: float, keep: int) -> Tensor:
    """Non-maximum suppression: drop a segment where a better kept one overlaps it by more than the threshold.

    segments: (P, 2), best first, in any unit. Returns the indices of at most `keep` segments, best first.
    An overlap of exactly the threshold survives.
    """
    segments = _exact(segments)
    P = len(segments)  # candidates
    boxes = torch.stack([segments, torch.tensor([0.0, 1.0]).expand(P, 2)], dim=-1).flatten(1)  # start 0 end 1
    rank = -torch.arange(P, dtype=torch.float64)
    # A segment's fate never depends on worse ones: try the best few first, further ones only where needed.
    size = min(P, 16 * keep)
    while True:
        kept = box_nms(boxes[:size], rank[:size], threshold)
        if len(kept) >= keep or size == P:
            return kept[:keep]
        size = min(P, 4 * size)


def recall(
    predictions: Predictions,
    targets: Tensor,
    ks: Iterable[int],
    thresholds: Iterable[float],
    nms: float | None = None,
) -> dict[tuple[int, float], float]:
    """R@k,IoU=m: percent of queries where one of the first k answers overlaps the target by more than m.

    predictions: (Q, P, 2), or a list of (P_q, 2), best first; targets: (Q, 2); all in one unit. With `nms`
    the answers are thinned at that threshold before the first k are taken. Returns {(k, m): percent}.
    Strict >, as in 2D-TAN; codebases with >= get other numbers.
    Raises InputError where there is no query, or not one prediction for each target.
    """
    ks, thresholds = list(ks), list(thresholds)
    rates = answer_hits(answer_iou(predictions, targets, max(ks), nms), ks, thresholds).double().mean(dim=0)
    return {(k, m): 100 * rates[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}


def mean_iou(predictions: Predictions, targets: Tensor) -> float:
    """Mean overlap of the first answer with the target, in percent (2D-TAN's code averages the first three).

    predictions, targets, errors: as in `recall`.
    """
    return 100 * answer_iou(predictions, targets, keep=1, nms=None).mean().item()


def summarise(
    predictions: Predictions,
    targets: Tensor,
    groups: Mapping[str, Sequence[str]] | None = None,
    ks: Sequence[int] = (1, 5),
    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
    nms: float | None = 0.45,
) -> dict[str, dict[str, Any]]:
    """The evaluation table, ready for JSON: a row for all queries, and for each label of each group.

    groups: {"kind": one label for each query, "length": …}. A row is {"queries": Q, "R1@0.5": percent, …,
    "mIoU": percent}; returns {"all": row, "kind": {label: row}, …}. Other arguments as in `recall`.
    Raises InputError as `recall` does, and where a group has not one label for each query.
    """
    iou = answer_iou(predictions, targets, max(ks), nms)
    found = answer_hits(iou, ks, thresholds).double()

    def row(queries: list[int]) -> dict[str, float]:
        means = found[queries].mean(dim=0), iou[queries, 0].mean()
        return {"queries": len(queries)} | metric_row(*means, ks, thresholds)

    table: dict[str, dict[str, Any]] = {"all": row(list(range(len(iou))))}
    for group, labels in (groups or {}).items():
        if len(labels) != len(iou):
            raise InputError(f"group {group!r}: {len(labels)} labels for {len(iou)} queries; give each its own")
        members: dict[str, list[int]] = {}
        for i, label in enumerate(labels):
            members.setdefault(label, []).append(i)
        table[group] = {label: row(queries) for label, queries in members.items()}
    return table


def length_bin(seconds: float, edges: Sequence[float]) -> str:
    """The name of the bin a length falls in: "< 5 s", "5–10 s", "≥ 10 s" for edges 5 and 10.

    seconds on an edge belong to the bin above it; edges rise.
    """
    if seconds < edges[0]:
        return f"< {edges[0]:g} s"
    for low, high in pairwise(edges):
        if seconds < high:
            return f"{low:g}–{high:g} s"
    return f"≥ {edges[-1]:g} s"


def best_constant_interval(train_spans: Tensor, threshold: float = 0.5, grid: int = 16) -> tuple[float, float]:
    """The interval with the highest R1 where it answers every training query, the video unseen.

    train_spans: (Q, 2), fractions of the video. All intervals between `grid` equal steps are tried; the first
    of equals, by start, then end, is taken. Returns start and end, fractions of the video.
    Raises InputError where there is no query.
    """
    train_spans = _exact(train_spans)
    if len(train_spans) == 0:
        raise InputError("no training queries: a constant interval needs at least one")
    intervals = torch.combinations(torch.arange(grid + 1)).double() / grid  # (G, 2), start < end, in order
    hits = [(interval_iou(interval, train_spans) > threshold).sum().item() for interval in intervals]
    start, end = intervals[hits.index(max(hits))].tolist()
    return start, end


def _exact(segments: Any) -> Tensor:
    """Times in float64 on the CPU: in float32 an overlap of 2/5 passes a strict > 0.4."""
    return torch.as_tensor(segments).detach().to("cpu", torch.float64)


def answer_iou(predictions: Predictions, targets: Tensor, keep: int, nms: float | None) -> Tensor:
    """Overlap of the first `keep` answers with the target: (Q, keep) float64, 0 where answers are fewer."""
    targets = _exact(targets)
    Q = len(targets)
    if len(predictions) != Q or Q == 0:
        raise InputError(f"{len(predictions)} predictions for {Q} targets: give one for each, at least one")
    if isinstance(predictions, Tensor):
        predictions = _exact(predictions)  # one copy from the device, not one a query
    answers = torch.zeros(Q, keep, 2, dtype=torch.float64)  # left at no length, an answer overlaps nothing
    for q, segments in enumerate(predictions):
        segments = _exact(segments)
        best = segments[:keep] if nms is None else segments[temporal_nms(segments, nms, keep)]
        answers[q, : len(best)] = best
    return interval_iou(answers, targets[:, None, :])


def answer_hits(iou: Tensor, ks: Iterable[int], thresholds: Iterable[float]) -> Tensor:
    """(Q, keep) -> (Q, ks, thresholds) bool: one of the first k answers overlaps by more than m."""
    least = torch.tensor(list(thresholds), dtype=torch.float64)
    return torch.stack([iou[:, :k].amax(dim=1, keepdim=True) > least for k in ks], dim=1)


def metric_row(rates: Tensor, mean: Tensor, ks: Iterable[int], thresholds: Iterable[float]) -> dict[str, float]:
    """Rates (ks, thresholds) and mean IoU, both 0 to 1, as named percentages."""
    named = {f"R{k}@{m:g}": 100 * rates[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}
    return named | {"mIoU": 100 * mean.item()}
