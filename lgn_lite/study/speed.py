"""How fast the list convolution is against 2D-TAN's square map, and evaluation against a loop over the queries.

Ratios, taken in one run: what is compared is timed in turn, so that a busy machine slows both. `step_speed`
times whole training steps.
"""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from lgn_lite.config import LGNConfig
from lgn_lite.evaluation import KS, ranking
from lgn_lite.metrics import prediction_hits, prediction_iou, predictions_after_nms, recall, temporal_nms
from lgn_lite.model import LGN

THRESHOLDS = (0.3, 0.5, 0.7)


def convolution_benchmark(preset: str = "charades-sta", batch: int = 8, rounds: int = 3, device: str = "cpu") -> dict:
    """Forward and backward of all map layers, list against dense, for the preset's map and channels.

    Args:
        preset: of LGNConfig.
        batch: maps of a pass.
        rounds: passes of each.
        device: where they run.

    Returns:
        Seconds per pass of each, and the ratio dense / list, the median of the rounds' ratios.
    """
    seconds = in_turn({name: _map_pass(preset, name, batch, device) for name in ("list", "dense")}, rounds)
    ratios = [dense / listed for dense, listed in zip(seconds["dense"], seconds["list"], strict=True)]
    return {
        "preset": preset,
        "batch": batch,
        "list_seconds": statistics.median(seconds["list"]),
        "dense_seconds": statistics.median(seconds["dense"]),
        "ratio": statistics.median(ratios),
    }


def timer() -> float:
    """Seconds by torch.utils.benchmark's clock, which waits for a GPU."""
    from torch.utils.benchmark import timer as clock  # here: it warns on import if CUDA's compiler has no GPU

    return clock()


def in_turn(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """{name: seconds of each round} of works that are timed in turn, once per round, after each has run once.

    torch.utils.benchmark's Timer would run each work twice more per turn.
    """
    for work in works.values():
        work()
    turns = [{name: timeit.timeit(work, timer=timer, number=1) for name, work in works.items()} for _ in range(rounds)]
    return {name: [turn[name] for turn in turns] for name in works}


def _map_pass(preset: str, convolution: str, batch: int, device: str) -> Callable[[], None]:
    config = LGNConfig.preset(preset, convolution=convolution, early="none", guidance=0, visual_dim=8)
    model = LGN(config).to(device)
    fused = torch.randn(batch, len(model.moments), config.hidden, device=device, requires_grad=True)
    return lambda: model.convolve(fused).square().mean().backward()


def evaluation_benchmark(preset: str = "tacos", queries: int = 4001, rounds: int = 3) -> dict:
    """R@1 and R@5 of all candidates of this many queries, against the loop that takes one query after another.

    The scores are drawn: high around one moment of each query, so that NMS has to go through many candidates before
    five remain. 4,001 queries are TACoS's test split.
    Returns the seconds of "ranking", "NMS", "recall" and "all", those of the loop, the ratio of the two (medians of
    the rounds), and whether both gave the same predictions and the same percentages, to the last digit.
    """
    small = dict(hidden=8, visual_dim=8, text_dim=8, text_layers=1, layers=1, guidance=0, early="none")
    model = LGN(LGNConfig.preset(preset, **small))
    draw, moments = torch.Generator().manual_seed(0), model.moments
    durations = 50 + 250 * torch.rand(queries, generator=draw, dtype=torch.float64)
    fractions = torch.rand(queries, 2, generator=draw).sort(dim=1).values
    noise = 0.1 * torch.randn(queries, len(moments), generator=draw)
    logits = noise.add_(torch.cat([6 * moments.iou(part) - 3 for part in fractions.split(256)]))
    targets = fractions * durations[:, None]

    found, naive = [], []
    for _ in range(rounds):
        found.append(_evaluate_together(model, logits, durations, targets))
        naive.append(_evaluate_one_by_one(model, logits, durations, targets))
    (predictions, rates, _), (expected, expected_rates, _) = found[0], naive[0]
    seconds = {part: statistics.median(run[2][part] for run in found) for part in found[0][2]}
    loop = statistics.median(run[2] for run in naive)
    return {
        "preset": preset,
        "queries": queries,
        "candidates": len(moments),
        "seconds": seconds,
        "naive_seconds": loop,
        "ratio": loop / seconds["all"],
        "equal": torch.equal(predictions, expected) and rates == expected_rates,
    }


RecallRates = dict[tuple[int, float], float]


def _evaluate_together(
    model: LGN, logits: Tensor, durations: Tensor, targets: Tensor
) -> tuple[Tensor, RecallRates, dict[str, float]]:
    seconds = {"ranking": 0.0}

    def best(queries: Tensor, size: int) -> tuple[Tensor, Tensor]:
        start = timer()
        ranked = rank_some(queries, size)
        seconds["ranking"] += timer() - start
        return ranked

    start = timer()
    rank_some = ranking(model.moments.spans(durations.dtype), logits.sigmoid(), durations)
    seconds["ranking"] += timer() - start
    predictions, _ = predictions_after_nms(best, *logits.shape, max(KS), model.config.nms)
    after_nms = timer()
    rates = recall(predictions, targets, KS, THRESHOLDS)
    end = timer()
    seconds |= {"NMS": after_nms - start - seconds["ranking"], "recall": end - after_nms, "all": end - start}
    return predictions, rates, seconds


def _evaluate_one_by_one(
    model: LGN, logits: Tensor, durations: Tensor, targets: Tensor
) -> tuple[Tensor, RecallRates, float]:
    start = timer()
    scores, spans = logits.sigmoid(), model.moments.spans(torch.float64)
    predictions = torch.zeros(len(logits), max(KS), 2, dtype=torch.float64)
    hits = torch.zeros(len(KS), len(THRESHOLDS), dtype=torch.float64)
    for q, duration in enumerate(durations):
        segments = spans[scores[q].argsort(descending=True, stable=True)] * duration
        retained = segments[temporal_nms(segments, model.config.nms, max(KS))]
        predictions[q, : len(retained)] = retained
        hits += prediction_hits(prediction_iou(predictions[q : q + 1], targets[q : q + 1]), KS, THRESHOLDS)[0]
    hits /= len(logits)
    rates = {(k, m): 100 * hits[i, j].item() for i, k in enumerate(KS) for j, m in enumerate(THRESHOLDS)}
    return predictions, rates, timer() - start
