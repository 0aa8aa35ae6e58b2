"""Evaluation: temporal NMS, R@n,IoU=m, mean IoU, and the answer that needs no video."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchvision.ops import nms as box_nms

from lgn_lite.errors import InputError
from lgn_lite.moments import interval_iou

Predictions = Tensor | Sequence[Any]  # (Q, P, 2), or Q arrays of (P_q, 2); best first


def temporal_nms(segments: Tensor, threshold: float, keep: int) -> Tensor:
    """Non-maximum suppression: keep a segment unless a better, kept one overlaps it by more than the threshold.

    segments: (P, 2), best first, in any unit. Returns the indices of at most `keep` kept segments, best first.
    An overlap of exactly the threshold survives.
    """
    # float64 on the CPU: in float32 2/5 is more than 0.4, and a strict > would be none
    segments = torch.as_tensor(segments).detach().to("cpu", torch.float64)
    P = len(segments)  # segments: (candidates, start and end)
    zeros = torch.zeros(P, dtype=torch.float64)
    boxes = torch.stack([segments[:, 0], zeros, segments[:, 1], zeros + 1], dim=1)
    rank = -torch.arange(P, dtype=torch.float64)
    # What is kept never depends on worse segments, so look at the best few first, and further only where needed.
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
    """R@k,IoU=m: percent of queries with one of the first k answers overlapping the target by more than m.

    predictions: (Q, P, 2), or a list of (P_q, 2), best first; targets: (Q, 2); all in one unit. With `nms`, the
    answers are thinned by it before the first k are taken. Returns {(k, m): percent}. Strict >, as 2D-TAN; some
    codebases use >=, which gives other numbers. Raises InputError where there is no query or the counts differ.
    """
    ks, thresholds = list(ks), list(thresholds)
    hits = _hits(_answer_iou(predictions, targets, max(ks), nms), ks, thresholds).double().mean(dim=0)
    return {(k, m): 100 * hits[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}


def mean_iou(predictions: Predictions, targets: Tensor) -> float:
    """Mean overlap of the first answer with the target, in percent (2D-TAN's code averages over the first three).

    predictions, targets: as in `recall`.
    """
    return 100 * _answer_iou(predictions, targets, 1, None).mean().item()


class MomentRecall(Metric):
    """R@k,IoU=m and mean IoU as a torchmetrics metric: batches, and the processes of a training, add up.

    update(segments (B, P, 2) best first, targets (B, 2)); compute() -> {"R1@0.5": percent, …, "mIoU": percent}.
    """

    full_state_update = False
    higher_is_better = True

    def __init__(
        self,
        ks: Sequence[int] = (1, 5),
        thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        nms: float | None = None,
        **kwargs: Any,  # torchmetrics' own
    ) -> None:
        super().__init__(**kwargs)
        self.ks, self.thresholds, self.nms = tuple(ks), tuple(thresholds), nms
        self.add_state("hits", torch.zeros(len(ks), len(thresholds), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("iou_sum", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("queries", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, segments: Predictions, targets: Tensor) -> None:
        iou = _answer_iou(segments, targets, max(self.ks), self.nms)
        self.hits += _hits(iou, self.ks, self.thresholds).sum(dim=0).to(self.device)
        self.iou_sum += iou[:, 0].sum().to(self.iou_sum)
        self.queries += len(iou)

    def compute(self) -> dict[str, float]:
        if self.queries == 0:
            raise InputError("no query was given to update(); there is nothing to average")
        return _named(
            100 * self.hits / self.queries, 100 * self.iou_sum / self.queries, self.ks, self.thresholds
        )


def summarise(
    predictions: Predictions,
    targets: Tensor,
    groups: Mapping[str, Sequence[str]] | None = None,
    ks: Sequence[int] = (1, 5),
    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
    nms: float | None = 0.45,
) -> dict[str, dict[str, Any]]:
    """The evaluation table, ready for JSON: all queries, and each value of each group.

    groups: {"kind": one label per query, "length": …}. Returns {"all": {"queries": Q, "R1@0.5": …, "mIoU": …},
    "kind": {label: {"queries": …, …}}, …}, in percent. Raises InputError where labels and queries differ in number.
    """
    iou = _answer_iou(predictions, targets, max(ks), nms)
    hits = _hits(iou, ks, thresholds).double()

    def row(rows: Tensor | slice) -> dict[str, float]:
        numbers = _named(100 * hits[rows].mean(dim=0), 100 * iou[rows, 0].mean(), ks, thresholds)
        return {"queries": len(iou[rows])} | numbers

    table = {"all": row(slice(None))}
    for group, labels in (groups or {}).items():
        if len(labels) != len(iou):
            raise InputError(f"group {group!r}: {len(labels)} labels for {len(iou)} queries")
        table[group] = {
            label: row(torch.tensor([i for i, other in enumerate(labels) if other == label]))
            for label in dict.fromkeys(labels)  # each once, in order of appearance
        }
    return table


def length_bin(seconds: float, edges: Sequence[float]) -> str:
    """The bin of a moment's length: "< 5 s", "5–10 s", "≥ 10 s" for edges 5, 10; an edge belongs to the bin above."""
    if seconds < edges[0]:
        return f"< {edges[0]:g} s"
    for low, high in pairwise(edges):
        if seconds < high:
            return f"{low:g}–{high:g} s"
    return f"≥ {edges[-1]:g} s"


def best_constant_interval(
    train_spans: Tensor, threshold: float = 0.5, grid: int = 16
) -> tuple[float, float]:
    """The one interval that, given as the answer to every training query, has the highest R1: no video needed.

    train_spans: (Q, 2), fractions of the video. Searches all intervals whose ends lie on `grid` equal steps; of
    equals, the first by start, then end. Returns (start, end) as fractions. Raises InputError without queries.
    """
    train_spans = torch.as_tensor(train_spans, dtype=torch.float64)
    if len(train_spans) == 0:
        raise InputError("no training queries: a constant interval needs at least one")
    steps = torch.combinations(torch.arange(grid + 1))  # (G, 2), start < end, ordered
    hits = [(interval_iou(step / grid, train_spans) > threshold).sum().item() for step in steps.double()]
    start, end = (steps[hits.index(max(hits))] / grid).tolist()
    return start, end


def _answer_iou(predictions: Predictions, targets: Tensor, keep: int, nms: float | None) -> Tensor:
    """Overlap of the first `keep` answers with the target: (Q, keep) float64, 0 where there are fewer answers."""
    targets = torch.as_tensor(targets).detach().to("cpu", torch.float64)
    Q = len(targets)
    if len(predictions) != Q or Q == 0:
        raise InputError(f"{len(predictions)} predictions for {Q} targets: both must be the same, at least 1")
    answers = torch.zeros(
        Q, keep, 2, dtype=torch.float64
    )  # (queries, answers, start and end); no length: IoU 0
    for q, segments in enumerate(predictions):
        segments = torch.as_tensor(segments).detach().to("cpu", torch.float64)
        best = segments[:keep] if nms is None else segments[temporal_nms(segments, nms, keep)]
        answers[q, : len(best)] = best
    return interval_iou(answers, targets[:, None, :])


def _hits(iou: Tensor, ks: Iterable[int], thresholds: Iterable[float]) -> Tensor:
    """(Q, keep) -> (Q, number of ks, number of thresholds) bool: one of the first k overlaps by more than m."""
    return torch.stack(
        [torch.stack([(iou[:, :k] > m).any(dim=1) for m in thresholds], dim=1) for k in ks], dim=1
    )


def _named(hits: Tensor, mean: Tensor, ks: Iterable[int], thresholds: Iterable[float]) -> dict[str, float]:
    table = {f"R{k}@{m:g}": hits[i, j].item() for i, k in enumerate(ks) for j, m in enumerate(thresholds)}
    return table | {"mIoU": mean.item()}
