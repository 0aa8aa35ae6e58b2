"""Rank the candidates of every query of a data set, and sum up how good the answers are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from lgn_lite.annotations import Query
from lgn_lite.dataset import MomentDataset, collate
from lgn_lite.metrics import length_bin, length_bins, summarise
from lgn_lite.model import LGN


@torch.inference_mode()
def score_queries(model: LGN, data: MomentDataset, batch_size: int = 64, progress: bool = False) -> Tensor:
    """(Q, P) logits of all candidates of all queries, in the order of `data`, on the CPU."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    loader = tqdm(DataLoader(data, batch_size, collate_fn=collate), "answers", unit="batch", disable=not progress)
    logits = [model(*(batch[key].to(device) for key in ("video", "words", "word_counts"))).cpu() for batch in loader]
    model.train(was_training)
    return torch.cat(logits)


def rank(model: LGN, logits: Tensor, durations: Tensor) -> tuple[Tensor, Tensor]:
    """Candidates best first: (Q, P) logits, (Q,) seconds → (Q, P, 2) segments in seconds, (Q, P) scores in (0, 1)."""
    scores, order = logits.sigmoid().sort(dim=1, descending=True, stable=True)
    device = model.moments.mask.device  # where the model is; `.to` would move its tables from under it
    segments = model.moments.segments(durations.to(device)).to(logits.device)  # (Q, P, 2)
    return segments.gather(1, order.unsqueeze(-1).expand_as(segments)), scores


def query_tensors(queries: Sequence[Query]) -> tuple[Tensor, Tensor]:
    """(Q, 2) true moments and (Q,) durations, both in seconds, in double precision.

    In single precision an IoU of exactly m may pass a strict > m.
    """
    truth = torch.tensor([[query.start, query.end] for query in queries], dtype=torch.float64)
    return truth, torch.tensor([query.duration for query in queries], dtype=torch.float64)


def evaluate(
    model: LGN,
    data: MomentDataset,
    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
    length_edges: Sequence[float] = (5.0, 10.0),
    nms: float | None = None,
    discounted: bool = False,
) -> dict:
    """R@n,IoU=m and mIoU of a model over a data set (section 4.2), as `score_answers` gives them.

    nms: None takes the model's setting.
    """
    logits = score_queries(model, data)
    return evaluate_logits(model, logits, data.queries, thresholds, length_edges, nms, discounted)


def evaluate_logits(
    model: LGN,
    logits: Tensor,
    queries: Sequence[Query],
    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
    length_edges: Sequence[float] = (5.0, 10.0),
    nms: float | None = None,
    discounted: bool = False,
) -> dict:
    """`evaluate` from logits (Q, P) that are there already, one row for each of the queries."""
    segments, _ = rank(model, logits, query_tensors(queries)[1])
    nms = model.config.nms if nms is None else nms
    return score_answers(segments, queries, thresholds, length_edges, nms=nms, discounted=discounted)


def score_answers(
    answers: Tensor,
    queries: Sequence[Query],
    thresholds: Sequence[float],
    length_edges: Sequence[float],
    ks: Sequence[int] = (1, 5),
    nms: float | None = None,
    discounted: bool = False,
) -> dict:
    """`metrics.summarise` of answers (Q, P, 2) in seconds: in all, by moment length, and by kind where that is known.

    length_edges: seconds, the borders of the groups by length; discounted: dR@n,IoU=m too.
    """
    truth, durations = query_tensors(queries)
    groups = {"length": [length_bin(query.end - query.start, length_edges) for query in queries]}
    if all("kind" in query.tags for query in queries):
        groups["kind"] = [query.tags["kind"] for query in queries]
    table = summarise(answers, truth, groups, ks, thresholds, nms, durations if discounted else None)
    found = table["length"]
    table["length"] = {name: found[name] for name in length_bins(length_edges) if name in found}
    return table
