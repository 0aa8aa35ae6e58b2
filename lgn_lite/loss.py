"""The training loss: how right each candidate is (eq. 4), and how far its score is from that (eq. 5)."""

import torch.nn.functional as F
from torch import Tensor

from lgn_lite.errors import InputError


def iou_targets(iou: Tensor, t_min: float, t_max: float) -> Tensor:
    """The label of a candidate: 0 up to t_min, 1 from t_max on, linear between (eq. 4).

    The paper prints the denominator as t_max − o_i, a misprint: it must be t_max − t_min for the label to rise from
    0 to 1, as in 2D-TAN.

    Args:
        iou: any shape, overlap with the target, 0 to 1.
        t_min: overlap up to which the label is 0.
        t_max: overlap from which on the label is 1.

    Returns:
        The labels, of the shape of `iou`.

    Raises:
        InputError: unless t_min < t_max.
    """
    if not t_min < t_max:
        raise InputError(f"t_min={t_min}, t_max={t_max}: t_min must be below t_max")
    # Soft labels: neighbours on the map overlap the target almost as well as the best. With the paper's t_max = 0.5
    # (4.3) all candidates of overlap 0.5 and more are alike, and nothing ranks the exact moment above them.
    return ((iou - t_min) / (t_max - t_min)).clamp(0, 1)


def moment_loss(logits: Tensor, iou: Tensor, t_min: float, t_max: float) -> Tensor:
    """Binary cross entropy between scores and labels, mean over all candidates (eq. 5).

    Args:
        logits: (B, P), whose sigmoid is p of eq. 5.
        iou: (B, P), overlap of each candidate with the target of its query, 0 to 1.
        t_min, t_max: as in `iou_targets`.

    Returns:
        A scalar.

    Raises:
        InputError: unless t_min < t_max.
    """
    # Eq. 5 lacks brackets: its minus is meant for both terms. From logits, since log(1 − p) would be −∞ once the
    # sigmoid rounds to 1. Every video has the same P candidates, so the mean over B·P is eq. 5's, over the queries.
    return F.binary_cross_entropy_with_logits(logits, iou_targets(iou, t_min, t_max))
