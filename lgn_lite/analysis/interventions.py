"""What a trained model depends on: one stage is given another sentence, or late guidance another α; what does it cost?

An intervention tests a trained model. It does not say what training needs: that takes a control that was trained
without the sentence (`guidance_by="nothing"`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset, collate
from lgn_lite.errors import InputError
from lgn_lite.evaluation import predictions_from_logits, query_tensors
from lgn_lite.model import LGN
from lgn_lite.moments import best_iou


def other_queries(queries: Sequence[Query]) -> list[int]:
    """For each query the number of another one, whose sentence is wrong for its moment.

    It is the next query of the same video whose moment overlaps its own by an IoU of at most one half; after the last
    comes the first. A query whose video has none gets the next query about another video. Raises InputError if all
    queries are about one moment.
    """
    spans, _ = query_tensors(queries)
    videos: dict[str, list[int]] = {}
    for i, query in enumerate(queries):
        videos.setdefault(query.video, []).append(i)
    found = []
    for i, query in enumerate(queries):
        group = videos[query.video]
        at = group.index(i)
        own = spans[i].view(1, -1, 2)  # one query's windows
        apart = (j for j in group[at + 1 :] + group[:at] if best_iou(own, spans[j][None]).max() <= 0.5)
        following = (j % len(queries) for j in range(i + 1, i + len(queries)))
        elsewhere = (j for j in following if queries[j].video != query.video)
        if (other := next(apart, next(elsewhere, None))) is None:
            raise InputError("no other query: all are about the same moment of one video")
        found.append(other)
    return found


@torch.inference_mode()
def replaced_logits(
    model: LGN,
    data: MomentDataset,
    early: Tensor | None = None,
    fusion: Tensor | None = None,
    alpha: Tensor | None = None,
    batch_size: int = 64,
) -> Tensor:
    """The logits of all queries where a stage is given something else than their sentence; other stages get their own.

    Args:
        model: any LGN.
        data: the queries, with their features.
        early: (Q, H) sentence vectors for the early modulation units, or (H,) one for all queries; None: the query's.
        fusion: the same for the fusion.
        alpha: (Q, C) or (C,) channel attention for the late guidance modules: `model.alpha` of sentence vectors, or
            any other.
        batch_size: queries at a time.

    Returns:
        (Q, P), in the order of `data`, on the CPU.

    Raises:
        InputError: for an α without late guidance, and for something else than one row for each query.
    """
    model.eval()
    if alpha is not None and model.attention is None:
        raise InputError("this model has no late guidance: it has no α to replace")
    given = {"early": early, "fusion": fusion, "alpha": alpha}
    for name, value in given.items():
        if value is not None and value.dim() > 1 and len(value) != len(data):
            raise InputError(f"{name}: {len(value)} rows for {len(data)} queries; give one for each, or one for all")
    device, found = next(model.parameters()).device, []
    for first in range(0, len(data), batch_size):
        rows = slice(first, min(first + batch_size, len(data)))
        batch = collate([data[i] for i in range(rows.start, rows.stop)])
        own = model.sentence(batch["words"].to(device), batch["word_counts"].to(device))  # (B, H)
        clips = model.frames(batch["video"].to(device), _given(early, own, rows))  # (B, N, C)
        attention = model.alpha(own)  # (B, C)
        if attention is not None:
            attention = _given(alpha, attention, rows)
        found.append(model.localise(clips, _given(fusion, own, rows), attention))
    return torch.cat(found).cpu()


def _given(value: Tensor | None, own: Tensor, rows: slice) -> Tensor:
    """The rows of a batch: of `value` (Q, …), of one vector for all queries, or without either the batch's own."""
    if value is None:
        return own
    return (value[rows] if value.dim() > 1 else value.expand(len(own), -1)).to(own)


def hits(model: LGN, logits: Tensor, queries: Sequence[Query], threshold: float = 0.5) -> Tensor:
    """(Q,) whether each query's first prediction has an IoU above the threshold, strictly; their mean is R1.

    logits: (Q, P), as of `replaced_logits` or `score_queries`.
    """
    targets, durations = query_tensors(queries)
    first = predictions_from_logits(model, logits, durations, keep=1).segments[:, 0]  # (Q, 2) seconds
    return best_iou(first[:, None], targets)[:, 0] > threshold


class PairedDifference(NamedTuple):
    """How far one measurement of the same queries is above another, in points (percent of the queries)."""

    mean: float
    low: float
    high: float
    videos: int

    @property
    def verdict(self) -> str:
        """ "clearly higher", "clearly lower", "open: the interval includes 0", or "equal in every video"."""
        if np.isnan(self.low):
            return "open: an interval needs two videos"
        if self.low == self.high == 0:
            return "equal in every video"
        if self.low <= 0 <= self.high:
            return "open: the interval includes 0"
        return "clearly higher" if self.mean > 0 else "clearly lower"

    def __str__(self) -> str:
        mean, low, high = (f"{value + 0:+.1f}".replace("-", "−") for value in self[:3])
        return f"{mean} points [{low}, {high}]"


def paired_by_video(
    found: Tensor, reference: Tensor, queries: Sequence[Query], level: float = 0.95
) -> PairedDifference:
    """How far one measurement is above another over all queries, with Student's interval over the videos.

    Queries about one video succeed or fail together, so that videos are drawn, not queries: the interval says what the
    difference may be for this very model on other videos of the same kind. It says nothing of other seeds.

    Args:
        found, reference: (Q,) of the same queries, such as hits.
        queries: whose videos are the groups.
        level: of the interval.

    Returns:
        In points: the mean over the queries, and the ends of the interval, NaN for fewer than two videos.

    Raises:
        InputError: if there is not one value of each for every query.
    """
    if not len(found) == len(reference) == len(queries):
        raise InputError(f"{len(found)} and {len(reference)} values for {len(queries)} queries; give one of each")
    difference = 100 * (np.asarray(found, dtype=float) - np.asarray(reference, dtype=float))
    names, group = np.unique([query.video for query in queries], return_inverse=True)
    mean, V = float(difference.mean()), len(names)
    if V < 2:
        return PairedDifference(mean, float("nan"), float("nan"), V)
    # a ratio of two sums over videos, since they have different numbers of queries: its error is that of the residuals
    residual = np.bincount(group, weights=difference - mean, minlength=V)  # (V,) sums
    error = float(np.sqrt(V / (V - 1) * np.square(residual).sum()) / len(queries))
    half = float(stats.t.ppf(0.5 + level / 2, V - 1)) * error
    return PairedDifference(mean, mean - half, mean + half, V)
