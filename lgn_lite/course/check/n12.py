"""Exercises of 12_what_does_it_really_use."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lgn_lite.course.check.cases import try_cases


def other_video(solution: Callable[[list], list]) -> None:
    """other_video(videos): for each query the number of another video, the same one for all queries of a video."""
    cases = [
        (([0, 1, 2],), [1, 2, 0], "Each video gets the next one, and the last one gets the first."),
        (([0, 0, 1, 2],), [1, 1, 2, 0], "Two queries of one video stay together."),
        (([0, 1, 0, 1],), [1, 0, 1, 0], "The queries of a video need not be adjacent."),
        (
            ([7, 7, 3],),
            [3, 3, 7],
            "Take the videos in the order in which they first appear; their numbers may have gaps.",
        ),
        (([5, 2, 9],), [2, 9, 5], "The videos go in the order in which they first appear, not sorted."),
        (
            ([0, 1, 0, 2],),
            [1, 2, 1, 0],
            "The same one for all queries of a video: the next in order of first appearance.",
        ),
        (([4, 6, 4, 8, 6],), [6, 8, 6, 4, 8], "Their first appearance counts, not their last."),
    ]

    def following(order: Callable, step: int = 1) -> Callable:
        def other(videos: list) -> list:
            distinct = order(videos)
            return [distinct[(distinct.index(v) + step) % len(distinct)] for v in videos]

        return other

    def appearance(videos: list) -> list:
        return list(dict.fromkeys(videos))

    mistakes = [
        (following(lambda v: sorted(set(v))), "The videos go in the order in which they first appear, not sorted."),
        (lambda v: following(appearance)(appearance(v)), "One number for each query, not for each video."),
        (
            lambda v: following(lambda v: sorted(set(v)))(sorted(v)),
            "Keep the order of the queries: the list of videos is not to be sorted.",
        ),
        (
            lambda v: following(appearance)(sorted(v)),
            "Keep the order of the queries: the list of videos is not to be sorted.",
        ),
        (
            lambda v: [next(w for w in [*v[i:], *v] if w != x) for i, x in enumerate(v)],
            "The same one for all queries of a video: not the next query's video.",
        ),
    ]
    right = "No query keeps its own video, and every video still has queries."
    try_cases("other_video", solution, cases, right, mistakes=mistakes)


def same_mix(solution: Callable[[dict, dict], float]) -> None:
    """same_mix(recall, counts): recall by kind of sentence, weighed by another split's counts of each kind."""
    easy = {"attribute": 90.0, "temporal": 50.0}
    cases = [
        ((easy, {"attribute": 10, "temporal": 10}), 70.0, "As many of each kind: the plain mean."),
        ((easy, {"attribute": 30, "temporal": 10}), 80.0, "Three of four queries are of the easy kind."),
        ((easy, {"attribute": 0, "temporal": 5}), 50.0, "A kind that the other split lacks has no weight."),
        ((easy, {"temporal": 10, "attribute": 30}), 80.0, "Match the kinds by name, not by their order."),
        ((easy, {"attribute": 2, "temporal": 1}), 230 / 3, "Two of three: 76.7 percent, not rounded."),
        (
            ({**easy, "ordinal": 20.0}, {"attribute": 1, "temporal": 1}),
            70.0,
            "The other split need not have every kind.",
        ),
    ]

    def weighted(total: Callable, divide: Callable) -> Callable:
        return lambda recall, counts: total(recall, counts) / divide(counts)

    def right_total(recall: dict, counts: dict) -> float:
        return sum(recall[kind] * n for kind, n in counts.items())

    by_name = "Match the kinds by name, not by their order and not by their size."
    mistakes = [
        (weighted(right_total, lambda counts: 1), "It is a mean: divide by the number of queries."),
        (weighted(right_total, len), "It is a mean: divide by the number of queries, not of kinds."),
        (
            lambda recall, counts: (
                sum(r * n for r, n in zip(sorted(recall.values()), sorted(counts.values()), strict=False))
                / sum(counts.values())
            ),
            by_name,
        ),
        (
            lambda recall, counts: round(right_total(recall, counts) / sum(counts.values())),
            "The result is not rounded.",
        ),
    ]
    right = "Now two splits differ in what you compare, and not in their mix."
    try_cases("same_mix", solution, cases, right, mistakes=mistakes)


def tied_hit(solution: Callable[[list, list], float]) -> None:
    """tied_hit(scores, hits): the chance of a hit if one of the candidates of the highest score is drawn."""
    cases = [
        (([0.1, 0.9, 0.3], [0, 1, 0]), 1.0, "One candidate is highest, and it is a hit."),
        (([0.9, 0.9, 0.3], [0, 1, 1]), 0.5, "Two share the highest score, and one of them is a hit."),
        (([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]), 0.25, "All four are equal: each is as likely as the others."),
        (([-2.0, -1.0, -1.0], [1, 0, 0]), 0.0, "Neither of the two highest is a hit; scores may be negative."),
        (([0.9, 0.89, 0.3], [1, 0, 0]), 1.0, "Only scores equal to the highest are tied: close is not enough."),
    ]

    def share(tie: Callable) -> Callable:
        def other(scores: list, hits: list) -> float:
            tied = [hit for score, hit in zip(scores, hits, strict=True) if tie(score, scores)]
            return sum(tied) / len(tied)

        return other

    mistakes = [
        (share(lambda s, scores: s == min(scores)), "The highest score is best, not the lowest."),
        (
            lambda scores, hits: 100 * share(lambda s, all_: s == max(all_))(scores, hits),
            "A chance is from 0 to 1, not percent.",
        ),
        (
            lambda scores, hits: sum(s * h for s, h in zip(scores, hits, strict=True)) / sum(scores),
            "Those with the highest score have the same chance, all others none: scores are no weights.",
        ),
    ]
    right = "A result that changes with the order of ties is not a result."
    try_cases("tied_hit", solution, cases, right, mistakes=mistakes)


@dataclass(frozen=True, repr=False)
class _Score:
    """A scoring function of word vectors (B, W, D) → (B,), with a name that messages can show."""

    words: str
    function: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

    def __repr__(self) -> str:
        return f"score = {self.words}"


def _gradient_times_input(score: Callable, x: Tensor) -> Tensor:
    x = x.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(x).sum(), x)
    return (gradient * x).sum(dim=2).detach()


def gradient_times_input(solution: Callable[[Callable, Tensor], Tensor]) -> None:
    """gradient_times_input(score, x): what each word (B, W) contributes to the score of its own sentence."""
    total = _Score("the sum over a sentence's numbers", lambda x: x.sum(dim=(1, 2)))
    product = _Score("the product of the words' first numbers", lambda x: x[..., 0].prod(dim=1))
    square = _Score("the sum of squares", lambda x: x.square().sum(dim=(1, 2)))
    weighted = _Score("word 0 minus 2 · word 1", lambda x: (x[:, 0] - 2 * x[:, 1]).sum(dim=1))
    one = torch.tensor([[[1.0, 2.0], [-3.0, 0.5]]])
    pair = torch.tensor([[[1.0, 2.0], [-3.0, 0.5]], [[2.0, 0.0], [0.5, 1.0]]])
    three = torch.tensor([[[2.0, 1.0, 0.0], [3.0, 0.0, 1.0]]])
    cases = [
        ((total, one), "The gradient is 1 everywhere: the sum of a word's own numbers, with its sign."),
        ((weighted, one), "Multiply the gradient by the input, and sum over the D numbers of a word, not over words."),
        ((square, one), "A word's gradient is taken where the word is: 2x for a square, so that a word counts twice."),
        ((product, three), "A product counts in full for each word, though setting one to zero takes it all away."),
        (
            (weighted, pair),
            "Each sentence has its own score: the others of the batch must not change a number.",
        ),
    ]
    mistakes = [
        (lambda score, x: _gradient_times_input(score, x) / len(x), "Take the sum of the scores, not their mean."),
        (lambda score, x: _gradient_times_input(score, x).abs(), "Keep the sign: a word may lower the score."),
        (
            lambda score, x: torch.autograd.functional.jacobian(lambda y: score(y).sum(), x).sum(dim=2),
            "That is the gradient alone: multiply it by the input.",
        ),
        (
            lambda score, x: _gradient_times_input(score, x) / x.shape[2],
            "Sum over the D numbers of a word; the mean would depend on the width.",
        ),
        (
            lambda score, x: torch.autograd.functional.jacobian(lambda y: score(y).sum(), x) * x,
            "One number per word, (B, W): sum over the D numbers of each.",
        ),
        (
            lambda score, x: (torch.autograd.functional.jacobian(lambda y: score(y).sum(), x) * x).sum(dim=1),
            "Sum over the D numbers of each word, the last dimension; not over the words.",
        ),
        (_set_to_zero, "That is the loss by setting each word to zero, which runs the model once per word."),
    ]
    pairs = [(arguments, _gradient_times_input(*arguments), why) for arguments, why in cases]
    right = "One backward pass for all words of all sentences. It is exact for a score that is linear in them."
    try_cases("gradient_times_input", solution, pairs, right, mistakes=mistakes)


def _set_to_zero(score: Callable, x: Tensor) -> Tensor:
    without = []
    for w in range(x.shape[1]):
        changed = x.clone()
        changed[:, w] = 0
        without.append(score(x) - score(changed))
    return torch.stack(without, dim=1)
