"""Rank the candidates of every query of a data set, and sum up how good the predictions are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lgn_lite.annotations import Query
from lgn_lite.batches import MomentDataset, collate, pad_words, stack_windows
from lgn_lite.errors import InputError
from lgn_lite.jsonl import Ranked
from lgn_lite.metrics import length_bin, length_bins, predictions_after_nms, summarise
from lgn_lite.model import LGN
from lgn_lite.scoring import AP_WINDOWS
from lgn_lite.support.bars import bar
from lgn_lite.support.metric_inputs import Predictions, check_nms, check_one_each

KS = (1, 5)  # n of R@n: the first prediction, and the first five (section 4.2)


@torch.inference_mode()
def score_queries(model: LGN, data: MomentDataset, batch_size: int = 64, progress: bool = False) -> Tensor:
    """The logits of all candidates of all queries.

    Args:
        model: the model.
        data: the queries, with their features.
        batch_size: queries at a time.
        progress: show a bar.

    Returns:
        (Q, P), in the order of `data`, on the CPU.

    Raises:
        InputError: if one is NaN: all figures would be meaningless.
    """
    device = next(model.parameters()).device
    loader = bar(DataLoader(data, batch_size, collate_fn=collate), "predictions", unit="batch", progress=progress)
    keys = ("video", "words", "word_counts")
    with _evaluating(model):
        logits = [model(*(batch[key].to(device) for key in keys)).cpu() for batch in loader]
    logits = torch.cat(logits)  # (Q, P): of the candidates that exist, so that no later step needs the mask
    # NaN compares as neither higher nor lower: it would be ranked somewhere, and R@n be a number like any other
    if (bad := logits.isnan().any(dim=1)).any():
        raise InputError(
            f"the scores of {int(bad.sum())} of {len(bad)} queries are not numbers (NaN), first those of query "
            f"{int(bad.nonzero()[0])} (from 0): the weights or the features are damaged; train or fetch them again"
        )
    return logits


@torch.inference_mode()
def score_sentences(model: LGN, video: Tensor, words: Sequence[Tensor], batch_size: int = 64) -> Tensor:
    """(S, P) logits of all candidates of one video for several sentences, on the CPU.

    Args:
        model: the model.
        video: (T, D) prepared features.
        words: of each sentence (W,) numbers, or (W, word_dim) vectors.
        batch_size: sentences at a time.

    Returns:
        (S, P)
    """
    device = next(model.parameters()).device
    video, logits = video.to(device), []
    with _evaluating(model):
        for begin in range(0, len(words), batch_size):  # memory holds the video once for each sentence of a batch
            padded, counts = (x.to(device) for x in pad_words(words[begin : begin + batch_size]))
            logits.append(model(video.expand(len(counts), -1, -1), padded, counts).cpu())
    return torch.cat(logits)


@contextmanager
def _evaluating(model: LGN) -> Iterator[None]:
    """Without dropout; validation interrupts a training, which then finds the model as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def rank(model: LGN, logits: Tensor, durations: Tensor, keep: int | None = None) -> tuple[Tensor, Tensor]:
    """Candidates best first; ties go to the first candidate.

    Args:
        model: whose candidates the logits are of.
        logits: (Q, P).
        durations: (Q,) of the videos, seconds.
        keep: rank and return only the best `keep` of the P.

    Returns:
        (Q, P, 2) segments in seconds, and (Q, P) scores in (0, 1).
    """
    # The loss compares this sigmoid with the scaled overlap (eq. 4 and 5); the order is that of the logits, but for
    # those so large that their sigmoids are equal.
    scores = logits.sigmoid()
    best, order = _first_of_sorted(scores, scores.shape[1] if keep is None else keep)
    spans = model.moments.spans(durations.dtype).to(scores.device)  # (P, 2); the model may be elsewhere
    return spans[order] * durations.to(scores.device)[:, None, None], best


def _first_of_sorted(scores: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """The first `keep` values of a stable sort of the rows of scores (Q, P), highest first, and their columns."""
    # 2D-TAN sorts all candidates of a query; five predictions after NMS need some 200 of TACoS' 2,548.
    if keep >= scores.shape[1]:
        return scores.sort(dim=1, descending=True, stable=True)
    best, order = scores.topk(keep + 1, dim=1)  # one more: a tie may reach across the last one that is kept
    tied = (best[:, 1:] == best[:, :-1]).any(dim=1)  # topk leaves the order of ties open
    best, order = best[:, :keep], order[:, :keep]
    if tied.any():
        best[tied], order[tied] = (x[:, :keep] for x in scores[tied].sort(dim=1, descending=True, stable=True))
    return best, order


class RankedPredictions(NamedTuple):
    """The first predictions for Q queries after NMS, best first; a missing one has no length, score 0, number −1."""

    segments: Tensor  # (Q, keep, 2) seconds, float64
    scores: Tensor  # (Q, keep)
    candidates: Tensor  # (Q, keep) their numbers among the P candidates


def predictions_from_logits(
    model: LGN, logits: Tensor, durations: Tensor, keep: int, nms: float | None = None
) -> RankedPredictions:
    """From logits to the first predictions: evaluation, prediction and the inspector take theirs from here.

    Equal to NMS on what `rank` gives, query by query, but no more candidates are ranked than needed.

    Args:
        model: whose candidates the logits are of.
        logits: (Q, P).
        durations: (Q,) of the videos, seconds.
        keep: predictions per query.
        nms: drop a prediction whose IoU with a better one is larger than this; None drops nothing.

    Returns:
        The predictions, on the CPU.

    Raises:
        InputError: if there is not one duration for each query, or no query.
    """
    return predictions_from_scores(model.moments.spans(durations.dtype), logits.sigmoid(), durations, keep, nms)


def predictions_from_scores(
    spans: Tensor, scores: Tensor, durations: Tensor, keep: int, nms: float | None = None
) -> RankedPredictions:
    """`predictions_from_logits` from scores that are there already.

    Args:
        spans: (P, 2) of the candidates, fractions of the video.
        scores: (Q, P).
        durations, keep, nms, errors: as of `predictions_from_logits`.

    Returns:
        The predictions, on the CPU.
    """
    # NMS is the papers' (4.3), of moments in seconds: an IoU is the same in fractions of the video, but a threshold
    # that is met exactly may round the other way.
    check_one_each(scores, durations)
    check_nms(nms, keep)
    ranked = ranking(spans, scores, durations)
    segments, candidates = predictions_after_nms(ranked, *scores.shape, keep, nms)
    found = scores.cpu().gather(1, candidates.clamp(min=0)) * (candidates >= 0)
    return RankedPredictions(segments, found, candidates)


def ranking(spans: Tensor, scores: Tensor, durations: Tensor) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """For `predictions_after_nms`: from the numbers of some queries and a size n to (queries, n, 2) and (queries, n).

    `scores` are those of all queries at once: a sigmoid's last digit may depend on where in memory a value lies.
    """
    spans, durations = spans.to(scores.device), durations.to(scores.device)

    # (P, 2) → (queries, size, 2): the same candidates for every video, in seconds of its own
    def best(queries: Tensor, size: int) -> tuple[Tensor, Tensor]:
        order = _first_of_sorted(scores[queries], size)[1]
        return spans[order] * durations[queries, None, None], order

    return best


def query_tensors(queries: Sequence[Query]) -> tuple[Tensor, Tensor]:
    """(Q, 2) ground-truth moments and (Q,) durations, both in seconds, in double precision.

    The moments are (Q, W, 2) if a query has several windows: `batches.stack_windows`. In single precision an IoU of
    exactly m may pass a strict > m.
    """
    # Seconds, not fractions: annotations are written in tenths of seconds, on which many an IoU is exactly 0.5.
    moments = stack_windows([torch.tensor(query.windows, dtype=torch.float64) for query in queries])
    return moments, torch.tensor([query.duration for query in queries], dtype=torch.float64)


def span_tensor(queries: Iterable[Query]) -> Tensor:
    """The ground-truth moments of `query_tensors` as fractions of the video."""
    return stack_windows([torch.tensor(query.spans, dtype=torch.float64) for query in queries])


def evaluate(
    model: LGN,
    data: MomentDataset,
    thresholds: Sequence[float] = (0.3, 0.5, 0.7),
    length_edges: Sequence[float] = (5.0, 10.0),
    nms: float | None = None,
    discounted: bool = False,
) -> dict:
    """R@n,IoU=m and mIoU of a model over a data set (section 4.2).

    Args:
        model: the model.
        data: the queries, with their features.
        thresholds: m, from 0 to 1.
        length_edges: seconds, the boundaries of the groups by moment length.
        nms: threshold of NMS; None takes the model's setting.
        discounted: dR@n,IoU=m too.

    Returns:
        The table of `score_predictions`.
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
    """`evaluate` from logits that are there already.

    Args:
        model: whose candidates the logits are of.
        logits: (Q, P), a row for each of the queries.
        queries: the Q queries.
        thresholds, length_edges, nms, discounted: as of `evaluate`.

    Returns:
        The table of `score_predictions`.
    """
    # 0.45 in 2D-TAN for Charades-STA, 0.4 for TACoS: chosen there, not on a split of ours
    nms = model.config.nms if nms is None else nms
    predictions = predictions_from_logits(model, logits, query_tensors(queries)[1], max(KS), nms).segments
    return score_predictions(predictions, queries, thresholds, length_edges, KS, discounted=discounted)  # after NMS


def ranked_windows(
    model: LGN, logits: Tensor, queries: Sequence[Query], keep: int = AP_WINDOWS, nms: float | None = None
) -> list[Ranked]:
    """The first predictions for each query after NMS, as `jsonl.write_predictions` takes them.

    Args:
        model: whose candidates the logits are of.
        logits: (Q, P), a row for each of the queries.
        queries: the Q queries.
        keep: predictions per query, by default as many as mAP takes.
        nms: threshold of NMS; None takes the model's setting.
    """
    nms = model.config.nms if nms is None else nms
    found = predictions_from_logits(model, logits, query_tensors(queries)[1], min(keep, logits.shape[1]), nms)
    rows = zip(found.segments, found.scores, found.candidates >= 0, strict=True)
    return [Ranked([(a, b) for a, b in times[there].tolist()], scores[there].tolist()) for times, scores, there in rows]


def score_predictions(
    predictions: Predictions,
    queries: Sequence[Query],
    thresholds: Sequence[float],
    length_edges: Sequence[float],
    ks: Sequence[int] = KS,
    nms: float | None = None,
    discounted: bool = False,
) -> dict:
    """`metrics.summarise`: in all, by moment length, and by kind of caption if that is known.

    Args:
        predictions: (Q, P, 2) start and end in seconds, best first, or Q arrays of (P_q, 2).
        queries: the Q queries.
        thresholds, ks, nms: as of `metrics.summarise`.
        length_edges: seconds, the boundaries of the groups by length.
        discounted: dR@n,IoU=m too.

    Returns:
        {"all": row, "length": {bin: row}, "kind": {kind: row}}
    """
    targets, durations = query_tensors(queries)
    # by length, since fewer clips hold a short moment; by kind of caption where the data set knows it (Toy-STA)
    groups = {"length": [length_bin(query.end - query.start, length_edges) for query in queries]}
    if all("kind" in query.tags for query in queries):
        groups["kind"] = [query.tags["kind"] for query in queries]
    table = summarise(predictions, targets, groups, ks, thresholds, nms, durations if discounted else None)
    found = table["length"]
    table["length"] = {name: found[name] for name in length_bins(length_edges) if name in found}
    return table
