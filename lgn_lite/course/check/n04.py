"""Exercises of 04_the_moment_map."""

from collections.abc import Callable

import torch
from torch import Tensor

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_functions
from lgn_lite.moments import Moments


def candidate_number(solution: Callable[[int, int, int], int]) -> None:
    """candidate_number(first, last, num_clips): a candidate's position in the list of a map without holes."""
    cases = [
        ((0, 0, 4), 0, "The list begins with the first clip alone; numbers count from 0."),
        ((0, 3, 4), 3, "Row 0 holds the candidates that begin with clip 0, ordered by their end."),
        ((1, 1, 4), 4, "Row 0 has four candidates, so the first of row 1 is number 4."),
        ((2, 3, 4), 8, "Row 1 has only three candidates: none ends before it begins."),
        ((3, 3, 4), 9, "The last of ten candidates is number 9."),
        ((15, 15, 16), 135, "The last of 136 candidates is number 135."),
        ((5, 9, 16), 74, "Rows 0 to 4 hold 16 + 15 + 14 + 13 + 12 candidates."),
    ]
    try_cases("candidate_number", solution, cases, "Such a formula exists only for a map without holes.")


def step_of_length(solution: Callable[[int, tuple], int]) -> None:
    """step_of_length(length, scales): the step between the starts of candidates of a length, 0 for none."""
    tacos = (16, 8, 8, 8)
    cases = [
        ((1, tacos), 1, "Single clips belong to the first scale, which starts at every clip."),
        ((16, tacos), 1, "The first scale has 16 lengths: 1 to 16."),
        ((17, tacos), 0, "After 16 the step is 2, so the next length is 18."),
        ((18, tacos), 2, "The second scale begins with the length 18 and starts at every second clip."),
        ((32, tacos), 2, "The second scale has 8 lengths: 18 to 32."),
        ((34, tacos), 0, "After 32 the step is 4, so the next length is 36."),
        ((36, tacos), 4, "Each further scale doubles the step."),
        ((128, tacos), 8, "The last length of the last scale is 128."),
        ((9, (8,)), 0, "Beyond the last scale there are no candidates."),
    ]
    try_cases("step_of_length", solution, cases, "Lengths and starts of a scale are multiples of this step.")


def ceiling_of(solution: Callable[[list, list, float], float]) -> None:
    """ceiling_of(candidates, ground_truths, m): percent of ground truths with an IoU above m."""
    two = [(0.0, 10.0), (10.0, 20.0)]
    cases = [
        ((two, [(0.0, 10.0)], 0.5), 100.0, "A candidate is the ground truth itself; the result is in percent."),
        ((two, [(0.0, 10.0), (5.0, 15.0)], 0.5), 50.0, "The second one shares 5 of 15 s with either candidate."),
        ((two, [(0.0, 20.0)], 0.5), 0.0, "Half of the ground truth is an IoU of 0.5: larger than m, strictly."),
        (([(0.0, 20.0)], [(0.0, 9.0)], 0.3), 100.0, "A candidate that is too long has an IoU as well: 9 / 20."),
        ((two, [(11.0, 20.0)], 0.7), 100.0, "Any candidate may be the best one, not only the first."),
        ((two, [(30.0, 40.0)], 0.0), 0.0, "Without any overlap there is no hit, even at m = 0."),
    ]
    try_cases("ceiling_of", solution, cases, "No model that ranks these candidates can have a higher R1@m.")


def pool_clips(solution: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """pool_clips(clips, first, last): (B, N, C) features of clips, (P,) first and last clips → maxima (B, P, C)."""
    maps = {m.num_clips: m for m in (Moments(3, (3,)), Moments(6, (6,)), Moments(12, (4, 2, 2)))}

    def made(batch: int, clips: int, channels: int) -> Callable[[], tuple]:
        m = maps[clips]
        return lambda: (torch.randn(batch, clips, channels), m.start_index.clone(), m.end_index.clone())

    cases = [
        (made(1, 3, 2), "For each candidate and channel the maximum over its clips, the last one included."),
        (made(3, 6, 4), "Every video of the batch has its own maxima, and a feature may be negative."),
        (made(2, 12, 5), "Candidates may be long, and there may be holes between them: see `first` and `last`."),
    ]
    mistakes = [
        (_pooled(lambda x: x.mean(1)), "The mean dilutes a short event: take the maximum."),
        (_pooled(lambda x: x.sum(1)), "The sum grows with the length of a candidate: take the maximum."),
        (_pooled(lambda x: x.amin(1)), "That is the minimum."),
        (_pooled(lambda x: x[:, [0, -1]].amax(1)), "All clips of a candidate count, not only its first and last one."),
        (_pooled(lambda x: x.logsumexp(1)), "A smooth maximum mixes in the other clips: take the maximum itself."),
        (_pooled(lambda x: x.abs().amax(1)), "The largest value, not the largest magnitude: keep the signs."),
        (_pooled(lambda x: x.amax(1).clamp(min=0)), _NEGATIVE),
        (
            lambda clips, first, last: clips.cummax(1).values[:, last],
            "That is the maximum from the first clip of all on.",
        ),
    ]
    right = "Moments.pool gives the same numbers and gradients, from a doubling table."
    compare_functions(
        "pool_clips",
        solution,
        lambda clips, first, last: maps[clips.shape[1]].pool(clips),
        cases,
        right,
        mistakes=mistakes,
    )


_NEGATIVE = "Where all its clips are negative, so is the maximum: mask with −inf, not by a product with 0."


def _pooled(pool: Callable[[Tensor], Tensor]) -> Callable:
    """Candidate by candidate: `pool` takes the clips of one, (B, n, C) → (B, C)."""
    return lambda clips, first, last: torch.stack(
        [pool(clips[:, s : e + 1]) for s, e in zip(first.tolist(), last.tolist(), strict=True)], dim=1
    )
