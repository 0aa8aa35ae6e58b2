"""What the metrics are given: times in any container, checked, as float64 tensors; one sentence for what is wrong."""

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lgn_lite.errors import InputError
from lgn_lite.support.reading import shown

Predictions = Tensor | Sequence[Any]  # (Q, P, 2), or Q arrays of (P_q, 2); best first


def exact(values: Any, what: str = "times") -> Tensor:
    """Numbers in float64 on the CPU: in float32 an overlap of 2/5 passes a strict > 0.4.

    From a tensor, an array, or lists and tuples of numbers. Raises InputError, which begins with `what`, for the rest.
    """
    try:
        if isinstance(values, list | tuple) and values and all(isinstance(value, Tensor) for value in values):
            values = torch.stack(list(values))
        if not isinstance(values, Tensor):
            array = np.asarray(values)
            if array.dtype.kind not in "iuf":
                raise TypeError(f"{array.dtype.name} instead of numbers")
            values = torch.from_numpy(array.astype(np.float64))
        elif values.dtype == torch.bool or values.is_complex():
            raise TypeError(f"{values.dtype} instead of numbers")
        return values.detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{what}: {shown(values)} are not numbers in rows of equal length ({reason[:100]})") from error


def checked_segments(values: Any, what: str) -> Tensor:
    """(P, 2) float64 segments; (0, 2) for None and for what is empty; else InputError, which begins with `what`."""
    if values is None:
        return torch.zeros(0, 2, dtype=torch.float64)
    segments = exact(values, what)
    if segments.dim() > 0 and segments.numel() == 0:
        return segments.new_zeros(0, 2)
    if segments.dim() != 2 or segments.shape[1] != 2:
        advice = "give rows of [start, end]"
        if segments.shape == (2,):
            advice = "write a single prediction as [[start, end]]"
        elif segments.dim() == 2 and segments.shape[1] == 3:
            advice = "leave the scores out: rows of [start, end], best first"
        raise InputError(f"{what}: has the shape {tuple(segments.shape)}, not (P, 2); {advice}")
    if (bad := _impossible(segments)) is not None:
        raise InputError(f"{what}, number {bad}: {_why(segments[bad])}")
    return segments


def checked_predictions(predictions: Predictions, targets: Any) -> Tensor | list[Tensor]:
    """The predictions (Q, P, 2) as one tensor if they came as one, else (P_q, 2) for each query.

    Raises InputError unless there is one for each target, at least one, and for what are not segments, naming the
    query; a query may have none.
    """
    check_one_each(predictions, targets)
    whole = predictions if isinstance(predictions, Tensor) else None
    if isinstance(predictions, np.ndarray) and predictions.dtype.kind in "iuf":
        whole = exact(predictions)
    if whole is not None and whole.dim() == 3 and whole.shape[2] == 2 and whole.numel():
        whole = exact(whole, "predictions")  # one copy from the device, not one per query
        if (bad := _impossible(whole.flatten(0, 1))) is not None:
            q, p = divmod(bad, whole.shape[1])
            raise InputError(f"predictions of query {q} (from 0), number {p}: {_why(whole[q, p])}")
        return whole
    try:
        rows = list(predictions)
    except (TypeError, RuntimeError) as error:
        raise InputError(f"predictions: {shown(predictions)}, not one list of segments for each query") from error
    return [checked_segments(row, f"predictions of query {q} (from 0)") for q, row in enumerate(rows)]


def checked_targets(targets: Any) -> Tensor:
    """(Q, W, 2) float64 ground-truth windows, from (Q, 2) or (Q, W, 2); InputError, naming the query, for others."""
    windows = exact(targets, "targets")
    if windows.dim() == 2:
        windows = windows[:, None]
    if windows.dim() != 3 or windows.shape[2] != 2 or windows.shape[1] == 0:
        raise InputError(
            f"targets: have the shape {tuple(exact(targets).shape)}, not (Q, 2); give [start, end] for each query, "
            "or (Q, W, 2) with several windows"
        )
    if (bad := _impossible(windows.flatten(0, 1))) is not None:
        q, w = divmod(bad, windows.shape[1])
        raise InputError(f"target of query {q} (from 0): {_why(windows[q, w])}")
    return windows


def check_one_each(predictions: Sequence[Any] | Tensor, targets: Sequence[Any] | Tensor) -> None:
    """Raise InputError unless there is one prediction for each target, at least one."""
    try:
        Q, T = len(predictions), len(targets)
    except TypeError as error:  # a number, None, a generator
        raise InputError(f"predictions and targets must be sequences, one of each for each query ({error})") from error
    if isinstance(predictions, str | bytes | dict | set):
        raise InputError(f"predictions: a {type(predictions).__name__}, not one list of segments for each query")
    if Q != T or T == 0:
        raise InputError(f"{Q} predictions for {T} targets: give one for each, at least one")


def checked_ks(ks: Iterable[int]) -> list[int]:
    """The k of R@k; InputError if one is not a whole number of at least 1, or there is none."""
    try:
        ks = list(ks)
        found = [operator.index(k) for k in ks if not isinstance(k, bool)]
        if len(found) == len(ks) > 0 and min(found) >= 1:
            return found
    except TypeError:
        pass
    raise InputError(
        f"ks={shown(ks)}: R@k counts the first k predictions; give whole numbers of at least 1, such as (1, 5)"
    )


def checked_thresholds(thresholds: Iterable[float], what: str = "thresholds") -> list[float]:
    """Overlaps from 0 to 1; InputError if one is not, or there is none."""
    try:
        thresholds = list(thresholds)
        found = [float(m) for m in thresholds if not isinstance(m, bool | str | bytes)]
        if len(found) == len(thresholds) > 0 and all(0 <= m <= 1 for m in found):
            return found
    except (TypeError, ValueError, RuntimeError):
        pass
    raise InputError(f"{what}={shown(thresholds)}: an overlap (IoU) is a number from 0 to 1, such as 0.5")


def check_nms(nms: float | None, keep: int) -> None:
    """Raise InputError for a threshold of NMS that is not an overlap, or a `keep` that is not a whole number."""
    if nms is not None:
        checked_thresholds([nms], "nms")
    try:
        if isinstance(keep, bool) or operator.index(keep) < 0:
            raise TypeError
    except TypeError:
        raise InputError(f"keep={shown(keep)}: how many predictions to keep; give a whole number") from None


def _impossible(segments: Tensor) -> int | None:
    """The number of the first of (P, 2) that is not a segment."""
    good = segments.isfinite().all(dim=1) & (segments[:, 0] <= segments[:, 1])
    return None if good.all() else int((~good).nonzero()[0])


def _why(segment: Tensor) -> str:
    start, end = segment.tolist()
    if math.isfinite(start) and math.isfinite(end):
        return f"[{start:g}, {end:g}] ends before it starts; write [start, end]"
    return f"[{start:g}, {end:g}] is not finite; leave out what has no time"
