"""R@n,IoU=m, plain and discounted, as a metric that adds up over batches and processes.

Apart from `metrics`, because importing torchmetrics takes seconds that a prediction need not wait for.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lgn_lite.errors import InputError
from lgn_lite.metrics import answer_hits, answer_iou, answer_weights, first_answers, metric_row, rate_row
from lgn_lite.support.metric_inputs import Predictions, check_nms, checked_ks, checked_thresholds


class MomentRecall(Metric):
    """R@k,IoU=m and mean IoU as a torchmetrics metric: batches add up, and so do processes.

    update(segments (B, P, 2) best first, targets (B, 2)), in one unit; compute() -> {"R1@0.5": percent, …,
    "mIoU": percent}. With `discounted`, update also takes the videos' durations (B,), and compute adds "dR1@0.5", …
    Raises InputError as `recall` and `discounted_recall` do.
    """

    full_state_update = False
    higher_is_better = True

    def __init__(
        self,
        ks: Sequence[int] = (1, 5),
        thresholds: Sequence[float] = (0.3, 0.5, 0.7),
        nms: float | None = None,
        discounted: bool = False,
        **kwargs: Any,  # torchmetrics' own
    ) -> None:
        super().__init__(**kwargs)
        ks, thresholds = checked_ks(ks), checked_thresholds(thresholds)
        check_nms(nms, max(ks))
        self.ks, self.thresholds, self.nms, self.discounted = tuple(ks), tuple(thresholds), nms, discounted
        self.add_state("hits", torch.zeros(len(ks), len(thresholds), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("weight_sum", torch.zeros(len(ks), len(thresholds)), dist_reduce_fx="sum")
        self.add_state("iou_sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("queries", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, segments: Predictions, targets: Tensor, durations: Tensor | None = None) -> None:
        if self.discounted != (durations is not None):
            raise InputError("durations belong to discounted=True: give both, or neither")
        answers = first_answers(segments, targets, max(self.ks), self.nms)
        iou = answer_iou(answers, targets)
        if durations is not None:
            weights = answer_weights(answers, targets, durations)
            self.weight_sum += answer_hits(iou, self.ks, self.thresholds, weights).sum(dim=0).to(self.weight_sum)
        self.hits += answer_hits(iou, self.ks, self.thresholds).sum(dim=0).to(self.hits.device)
        self.iou_sum += iou[:, 0].sum().to(self.iou_sum)
        self.queries += len(iou)

    def compute(self) -> dict[str, float]:
        if self.queries == 0:
            raise InputError("no query was given to update(): there is nothing to average")
        row = metric_row(self.hits / self.queries, self.iou_sum / self.queries, self.ks, self.thresholds)
        if self.discounted:
            row |= rate_row(self.weight_sum / self.queries, self.ks, self.thresholds, "dR")
        return row
