"""R@n,IoU=m as a metric that adds up over batches and processes.

Apart from `metrics`, because importing torchmetrics takes seconds that a prediction need not wait for.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lgn_lite.errors import InputError
from lgn_lite.metrics import Predictions, answer_hits, answer_iou, metric_row


class MomentRecall(Metric):
    """R@k,IoU=m and mean IoU as a torchmetrics metric: batches add up, and so do processes.

    update(segments (B, P, 2) best first, targets (B, 2)), in one unit; compute() -> {"R1@0.5": percent, …,
    "mIoU": percent}. Raises InputError as `recall` does.
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
        self.add_state("iou_sum", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("queries", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, segments: Predictions, targets: Tensor) -> None:
        iou = answer_iou(segments, targets, max(self.ks), self.nms)
        self.hits += answer_hits(iou, self.ks, self.thresholds).sum(dim=0).to(self.hits.device)
        self.iou_sum += iou[:, 0].sum().to(self.iou_sum)
        self.queries += len(iou)

    def compute(self) -> dict[str, float]:
        if self.queries == 0:
            raise InputError("no query was given to update(): there is nothing to average")
        return metric_row(self.hits / self.queries, self.iou_sum / self.queries, self.ks, self.thresholds)
