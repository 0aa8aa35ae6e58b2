"""The training loss: how right each candidate is (eq. 4), and how far its score is from that (eq. 5)."""

import torch.nn.functional as F
from torch import Tensor

from lgn_lite.errors import InputError


def iou_targets(iou: Tensor, t_min: float, t_max: float) -> Tensor:
    """The label of a candidate: 0 up to t_min, 1 from t_max on, linear between (eq. 4).

    iou: any shape, overlap with the target. Returns the same shape, 0 to 1. The paper prints the denominator
    as t_max − o_i, a misprint: it must be t_max − t_min for the label to rise from 0 to 1, as in 2D-TAN.
    Raises InputError unless t_min < t_max.
    """
    if not t_min < t_max:
        raise InputError(f"t_min={t_min}, t_max={t_max}: t_min must be below t_max")
    return ((iou - t_min) / (t_max - t_min)).clamp(0, 1)


def moment_loss(logits: Tensor, iou: Tensor, t_min: float, t_max: float) -> Tensor:
    """Binary cross entropy between scores and labels, mean over all candidates (eq. 5).

    logits, iou: (B, P). Returns a scalar. Raises InputError unless t_min < t_max.
    """
    return F.binary_cross_entropy_with_logits(logits, iou_targets(iou, t_min, t_max))
