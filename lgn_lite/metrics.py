"""Evaluation: temporal NMS, R@n,IoU=m, its discounted form, mean IoU, and the prediction that needs no video."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import nms as box_nms

from lgn_lite.errors import InputError
from lgn_lite.moments import best_iou, interval_iou
from lgn_lite.support.metric_inputs import (
    Predictions,
    check_nms,
    checked_ks,
    checked_predictions,
    checked_segments,
    checked_targets,
    checked_thresholds,
    exact,
)


def temporal_nms(segments: Tensor, threshold: float, keep: int) -> Tensor:
    """Non-maximum suppression: drop a segment if a better one that is retained overlaps it by more than the threshold.

    segments: (P, 2), best first, in any unit. Returns the indices of at most `keep` segments, best first.
    An overlap of exactly the threshold survives. Raises InputError for what are no segments, or no overlap.
    """
    checked_thresholds([threshold], "threshold")
    check_nms(None, keep)
    return _nms(checked_segments(segments, "segments"), threshold, keep)


def _nms(segments: Tensor, threshold: float, keep: int) -> Tensor:
    """`temporal_nms` of (P, 2) float64, checked."""
    P = len(segments)  # candidates
    # torchvision knows boxes in the plane: segments of one height overlap there as they do in time
    boxes = torch.stack([segments, torch.tensor([0.0, 1.0]).expand(P, 2)], dim=-1).flatten(1)  # start 0 end 1
    rank = -torch.arange(P, dtype=torch.float64)  # instead of scores, which may tie: the given order stays
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
    """R@k,IoU=m: percent of queries where one of the first k predictions overlaps the target by more than m (4.2).

    Strict >, as in 2D-TAN; code bases with >= get other numbers. A query without a prediction, [], is a miss.

    Args:
        predictions: (Q, P, 2), or a list of (P_q, 2): start and end, best first.
        targets: (Q, 2), in the unit of the predictions; (Q, W, 2) if queries have several windows, of which a
            prediction need overlap one (`batches.stack_windows`).
        ks: how many of the first predictions count.
        thresholds: m, from 0 to 1.
        nms: apply NMS at this threshold before the first k are taken; None: take them as they are.

    Returns:
        {(k, m): percent}

    Raises:
        InputError: if there is no query, not one prediction for each target, or k < 1, and, naming the query, for
            what is not rows of [start, end], finite and the start first.
    """
    ks, thresholds = checked_ks(ks), checked_thresholds(thresholds)
    # 4.2's "Rank n@IoU=m", with k for n: k predictions are taken after NMS, else five of them could be one moment
    iou = prediction_iou(first_predictions(predictions, targets, max(ks), nms), targets)  # (Q, keep)
    rates = prediction_hits(iou, ks, thresholds).double().mean(dim=0)
    return {(k, m): 100 * rates[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}


def discounted_recall(
    predictions: Predictions,
    targets: Tensor,
    durations: Tensor,
    ks: Iterable[int],
    thresholds: Iterable[float],
    nms: float | None = None,
) -> dict[tuple[int, float], float]:
    """dR@k,IoU=m: `recall` with each hit weighed by how close its start and end are (Yuan et al., 2021).

    A hit counts (1 − |Δstart|) (1 − |Δend|), with Δ in fractions of the video, so that a long prediction that
    only covers its target counts for less. The definition gives a query one discount and leaves open which of k
    predictions it is of: here of the hit that weighs most, so that dR never exceeds R and never falls as k grows.

    Args:
        predictions, targets, ks, thresholds, nms: as in `recall`.
        durations: (Q,), of the videos, in the unit of predictions and targets.

    Returns:
        {(k, m): percent}

    Raises:
        InputError: as `recall` does, and if a duration is not above 0.
    """
    ks, thresholds = checked_ks(ks), checked_thresholds(thresholds)
    ranked = first_predictions(predictions, targets, max(ks), nms)
    iou, weights = prediction_iou(ranked, targets), prediction_weights(ranked, targets, durations)
    rates = prediction_hits(iou, ks, thresholds, weights).mean(dim=0)  # (ks, thresholds)
    return {(k, m): 100 * rates[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}


def mean_iou(predictions: Predictions, targets: Tensor) -> float:
    """Mean overlap of the first prediction with the target, in percent.

    predictions, targets, errors: as in `recall`.
    """
    return 100 * prediction_iou(first_predictions(predictions, targets, keep=1, nms=None), targets).mean().item()


def summarise(
    predictions: Predictions,
    targets: Tensor,
    groups: Mapping[str, Sequence[str]] | None = None,
    ks: Sequence[int] = (1, 5),
    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
    nms: float | None = 0.45,
    durations: Tensor | None = None,
) -> dict[str, dict[str, Any]]:
    """The evaluation table, ready for JSON: a row for all queries, and for each label of each group.

    Args:
        predictions, targets, ks, thresholds, nms: as in `recall`.
        groups: {"kind": one label for each query, "length": …}.
        durations: (Q,), as in `discounted_recall`; with them a row also has "dR1@0.5", ….

    Returns:
        {"all": row, "kind": {label: row}, …}; a row is {"queries": Q, "R1@0.5": percent, …, "mIoU": percent}.

    Raises:
        InputError: as `recall` does, and if a group has not one label for each query.
    """
    ks, thresholds = checked_ks(ks), checked_thresholds(thresholds)
    # NMS and overlaps once for the whole table: each row is a mean over some of the queries
    ranked = first_predictions(predictions, targets, max(ks), nms)
    iou = prediction_iou(ranked, targets)
    found = prediction_hits(iou, ks, thresholds).double()
    weighed = None
    if durations is not None:
        weighed = prediction_hits(iou, ks, thresholds, prediction_weights(ranked, targets, durations))

    def row(queries: list[int]) -> dict[str, float]:
        means = found[queries].mean(dim=0), iou[queries, 0].mean()  # mIoU: of the first prediction alone
        named = {"queries": len(queries)} | metric_row(*means, ks, thresholds)
        return named if weighed is None else named | rate_row(weighed[queries].mean(dim=0), ks, thresholds, "dR")

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
    # short moments are the hard ones: they hold few clips, and a boundary one clip off costs much of the overlap
    if seconds < edges[0]:
        return f"< {edges[0]:g} s"
    for low, high in pairwise(edges):
        if seconds < high:
            return f"{low:g}–{high:g} s"
    return f"≥ {edges[-1]:g} s"


def length_bins(edges: Sequence[float]) -> list[str]:
    """The names of all bins, from short to long."""
    return [length_bin(seconds, edges) for seconds in (-math.inf, *edges)]


def best_constant_interval(train_spans: Tensor, threshold: float = 0.5, grid: int = 16) -> tuple[float, float]:
    """The interval with the highest R1 as the prediction for every training query, the video unseen.

    train_spans: (Q, 2) or (Q, W, 2), fractions of the video. All intervals between `grid` equal steps are tried; ties
    go to the first by start, then end. Returns start and end, fractions of the video.
    Raises InputError if there is no query.
    """
    if len(train_spans) == 0:
        raise InputError("no training queries: a constant interval needs at least one")
    windows = checked_targets(train_spans)  # (Q, W, 2)
    # What the positions of moments alone give away: a model that uses the video must beat it. Chosen on the
    # training split, as a model's weights are; 16 steps are the candidates of Charades-STA.
    intervals = torch.combinations(torch.arange(grid + 1)).double() / grid  # (G, 2), start < end, in order
    hits = [(best_iou(interval[None, None], windows) > threshold).sum().item() for interval in intervals]
    start, end = intervals[hits.index(max(hits))].tolist()
    return start, end


def first_predictions(predictions: Predictions, targets: Tensor, keep: int, nms: float | None) -> Tensor:
    """The first predictions of each query after NMS.

    Args:
        predictions, targets, nms: as in `recall`.
        keep: predictions per query; if no query has this many, as many as the most have, at least one.

    Returns:
        (Q, keep, 2) float64, of no length if a query has fewer.

    Raises:
        InputError: as `recall` does.
    """
    check_nms(nms, keep)
    found = checked_predictions(predictions, targets)
    checked_targets(targets)
    if isinstance(found, Tensor):
        Q, P = found.shape[:2]

        def best(queries: Tensor, size: int) -> tuple[Tensor, Tensor]:
            return found[queries, :size], torch.arange(size).expand(len(queries), size)

        return predictions_after_nms(best, Q, P, min(keep, P), nms)[0]
    keep = min(keep, max(1, *map(len, found)))
    ranked = torch.zeros(len(found), keep, 2, dtype=torch.float64)  # of no length, a prediction overlaps nothing
    for q, segments in enumerate(found):
        best = segments[:keep] if nms is None else segments[_nms(segments, nms, keep)]
        ranked[q, : len(best)] = best
    return ranked


FIRST = 64  # candidates of the first pass, for each to retain; some 200 give five if scores are smooth
PART = 2**15  # segments of one pass: they stay in the CPU's cache, and no step is split over threads


def predictions_after_nms(
    best: Callable[[Tensor, int], tuple[Tensor, Tensor]], Q: int, P: int, keep: int, nms: float | None = None
) -> tuple[Tensor, Tensor]:
    """The first `keep` predictions for each of Q queries after NMS at `nms`.

    Args:
        best: best(queries, size) returns the first `size` of P candidates for the queries with these numbers, best
            first: (queries, size, 2) segments and (queries, size) numbers of the candidates. It is called for more
            than a few only if NMS removes too many of them, so that not all P have to be ranked.
        Q, P: queries, and candidates for each.
        keep: predictions per query.
        nms: the threshold of NMS; None drops nothing.

    Returns:
        (Q, keep, 2) float64 segments, and (Q, keep) numbers of their candidates. A missing prediction has no length,
        and the number −1. The rest are those of `temporal_nms`, query by query.
    """
    ranked = torch.zeros(Q, keep, 2, dtype=torch.float64)
    candidates = torch.full((Q, keep), -1)
    queries, size = torch.arange(Q), min(P, keep if nms is None else FIRST * keep)
    while True:
        segments, numbers = best(queries, size)
        segments = exact(segments)
        if nms is None:
            ranked[:, :size], candidates[:, :size] = segments, numbers
            return ranked, candidates
        parts = [_greedy_nms(part, nms, keep) for part in segments.split(max(1, PART // size))]
        found, first, full = map(torch.cat, zip(*parts, strict=True))
        ranked[queries] = found
        candidates[queries] = torch.where(first < 0, -1, numbers.cpu().gather(1, first.clamp(min=0)))
        queries = queries[~full]  # those that need more
        if len(queries) == 0 or size == P:
            return ranked, candidates
        size = min(P, 4 * size)


def _greedy_nms(segments: Tensor, threshold: float, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    """NMS of many queries at once: (Q, S, 2), best first → those retained, and whether `keep` were found.

    Returns (Q, keep, 2) segments, (Q, keep) their ranks from 0, −1 if one is missing, and (Q,) whether none is.

    The arithmetic is that of torchvision's nms, which takes one query at a time: its `batched_nms` moves the queries
    apart on one axis, and the sums round.
    """
    starts, ends = segments.unbind(dim=2)  # (Q, S)
    lengths = ends - starts
    alive = torch.ones_like(starts, dtype=torch.bool)
    retained = torch.zeros(len(segments), keep, 2, dtype=segments.dtype)
    ranks = torch.full((len(segments), keep), -1)
    for k in range(keep):
        first = alive.byte().argmax(dim=1, keepdim=True)  # (Q, 1); ties go to the first
        found, start, end = (x.gather(1, first) for x in (alive, starts, ends))
        retained[:, k] = torch.cat([start, end], dim=1) * found
        ranks[:, k] = torch.where(found, first, -1).squeeze(1)
        shared = (torch.minimum(ends, end) - torch.maximum(starts, start)).clamp(min=0)
        # 0 / 0, where neither has any length, is not above any threshold
        alive &= ~(shared / (lengths + (end - start) - shared) > threshold)
        alive.scatter_(1, first, False)
    return retained, ranks, found.squeeze(1)


def prediction_iou(predictions: Tensor, targets: Tensor) -> Tensor:
    """Overlap of predictions (Q, keep, 2) with their query's target, the best of several: (Q, keep) float64."""
    return best_iou(predictions, checked_targets(targets))


def prediction_weights(predictions: Tensor, targets: Tensor, durations: Tensor) -> Tensor:
    """(1 − |Δstart|) (1 − |Δend|) of predictions (Q, keep, 2), with Δ in fractions of the video: (Q, keep) float64.

    Of several windows the one counts that a prediction overlaps most.
    """
    windows, durations = checked_targets(targets), exact(durations, "durations")
    if durations.shape != windows.shape[:1] or not (durations > 0).all() or not durations.isfinite().all():
        raise InputError(f"{len(windows)} targets need as many durations, all above 0; got {tuple(durations.shape)}")
    nearest = interval_iou(predictions[:, :, None], windows[:, None]).argmax(dim=2)  # (Q, keep) of W
    meant = windows[torch.arange(len(windows))[:, None], nearest]  # (Q, keep, 2)
    off = (predictions - meant).abs() / durations[:, None, None]
    return (1 - off).clamp(min=0).prod(dim=-1)  # a prediction beyond the video may be off by more than all of it


def prediction_hits(
    iou: Tensor, ks: Iterable[int], thresholds: Iterable[float], weights: Tensor | None = None
) -> Tensor:
    """Whether one of the first k predictions overlaps by more than m.

    Args:
        iou: (Q, keep), of each prediction with the target.
        ks: as in `recall`.
        thresholds: as in `recall`.
        weights: (Q, keep), of a hit.

    Returns:
        (Q, ks, thresholds) bool, or with weights the weight of the best hit among the first k, 0 without one.
    """
    # "larger than m" (4.2) is a strict >; in float64, where an overlap of exactly m stays exactly m
    least = torch.tensor(list(thresholds), dtype=torch.float64)
    hits = iou[..., None] > least  # (Q, keep, thresholds)
    if weights is not None:
        hits = hits * weights[..., None]
    # at least one of the first k: their maximum, of weights too
    return torch.stack([hits[:, :k].amax(dim=1) for k in ks], dim=1)  # (Q, ks, thresholds)


def metric_row(rates: Tensor, mean: Tensor, ks: Iterable[int], thresholds: Iterable[float]) -> dict[str, float]:
    """Rates and mean IoU as named percentages.

    Args:
        rates: (ks, thresholds), from 0 to 1.
        mean: mean IoU, a scalar from 0 to 1.
        ks, thresholds: those of the rates.

    Returns:
        {"R1@0.5": percent, …, "mIoU": percent}
    """
    return rate_row(rates, ks, thresholds) | {"mIoU": 100 * mean.item()}


def rate_row(rates: Tensor, ks: Iterable[int], thresholds: Iterable[float], name: str = "R") -> dict[str, float]:
    """Rates as named percentages.

    Args:
        rates: (ks, thresholds), from 0 to 1.
        ks, thresholds: those of the rates.
        name: "R", or "dR" of discounted rates.

    Returns:
        {"R1@0.5": percent, …}
    """
    return {f"{name}{k}@{m:g}": 100 * rates[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}
