"""Exercises of 08_loss_and_metrics."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_functions
from lgn_lite.course.check.parts import LABEL_MISTAKES, dot, iou, label, shared
from lgn_lite.loss import moment_loss


def expected_label(solution: Callable[[list, list, float, float], float]) -> None:
    """expected_label(ious, chances, t_min, t_max): what an uncertain model should score a candidate."""
    cases = [
        (([0.65], [1.0], 0.3, 1.0), 0.5, "A belief in one moment is the label of eq. 4."),
        (([1.0, 0.0], [0.5, 0.5], 0.0, 0.5), 0.5, "Take the label of each IoU first, then the mean of the labels."),
        (([0.5, 0.5], [0.5, 0.5], 0.0, 0.5), 1.0, "The hedge of the text: label 1 with either moment."),
        (([1.0, 0.2], [0.25, 0.75], 0.3, 1.0), 0.25, "Below t_min the label is 0, never negative."),
        (([0.4, 0.8], [0.3, 0.7], 0.0, 0.5), 0.94, "Each label counts by its moment's chance: 0.3 · 0.8 + 0.7 · 1."),
    ]

    def mean_of(one: Callable) -> Callable:
        return lambda ious, chances, a, b: dot(chances, [one(iou, a, b) for iou in ious])

    by_chance = "Each label counts by its moment's chance: the mean is weighted."
    mistakes = [
        (lambda o, c, a, b: sum(label(x, a, b) for x in o) / len(o), by_chance),
        (lambda o, c, a, b: sum(label(x, a, b) for x in o), by_chance),
        (lambda o, c, a, b: max(label(x, a, b) for x in o), by_chance),
        (
            lambda o, c, a, b: label(o[c.index(max(c))], a, b),
            "The most likely moment does not decide alone: every moment counts by its chance.",
        ),
        *((mean_of(wrong), why) for wrong, why in LABEL_MISTAKES),
    ]
    right = "The score that cross entropy rewards, and hence what eq. 1 predicts."
    try_cases("expected_label", solution, cases, right, mistakes=mistakes)


def nms_by_hand(solution: Callable[[list, float], list]) -> None:
    """nms_by_hand(ranking, threshold): the positions of the predictions that survive, best first."""
    apart = [(0.0, 4.0), (10.0, 14.0), (5.0, 8.0)]
    far = [(0.0, 10.0), (20.0, 30.0), (19.0, 29.0)]
    back = [(0.0, 10.0), (20.0, 30.0), (1.0, 10.0)]
    chain = [(0.0, 10.0), (3.0, 13.0), (6.0, 16.0)]  # IoU of neighbours 7/13, of the ends 4/16
    cases = [
        ((apart, 0.5), [0, 1, 2], "Answers that do not meet all survive, in the order of the ranking."),
        (([(0.0, 4.0), (0.0, 5.0)], 0.5), [0], "The second overlaps the better one by 4/5."),
        (([(0.0, 4.0), (0.0, 8.0)], 0.5), [0, 1], "An overlap of exactly the threshold survives."),
        ((chain, 0.6), [0, 1, 2], "Neighbours overlap by 7/13, which is not larger than 0.6."),
        (([(0.0, 1.0), (0.8, 2.0)], 0.5), [0, 1], "A small overlap is allowed: here 0.2 of 2 seconds."),
        (([(0.0, 10.0), (3.0, 6.0)], 0.5), [0, 1], "One lies inside the other: divide by the union, 10, not by 3."),
        ((chain, 0.45), [0, 2], "The prediction in the middle was removed: it must not remove the last one."),
        (([(2.0, 4.0), (2.0, 4.0), (8.0, 9.0)], 0.9), [0, 2], "Of equal predictions only the first survives."),
        ((far, 0.5), [0, 1], "The third overlaps the second: compare it with every survivor, not only with the best."),
        ((back, 0.5), [0, 1], "The third overlaps the first: compare it with every survivor, not only with the last."),
    ]

    def keep(removes: Callable, against: Callable = list, over: Callable = iou) -> Callable:
        def solution(ranking: list, threshold: float) -> list:
            kept = []
            for i, span in enumerate(ranking):
                if not any(removes(over(span, ranking[j]), threshold) for j in against(kept)):
                    kept.append(i)
            return kept

        return solution

    right_one = keep(lambda overlap, t: overlap > t)
    union = "The overlap is the IoU: divide by the union of the two."
    mistakes = [
        (keep(lambda o, t: o > t, lambda kept: kept[:1]), "Compare with every survivor, not only with the best."),
        (keep(lambda o, t: o > t, lambda kept: kept[-1:]), "Compare with every survivor, not only with the last."),
        (
            lambda r, t: [i for i, a in enumerate(r) if not i or iou(a, r[i - 1]) <= t],
            "Compare with every survivor, not with the neighbour in the ranking.",
        ),
        (keep(lambda o, t: o < t), "What overlaps a better one is removed, not what lies apart from it."),
        (keep(lambda o, t: o > 0), "A small overlap is allowed: the IoU has to be larger than the threshold."),
        (keep(lambda o, t: o > 0.5), "The threshold is ignored: 0.5 need not be it."),
        (keep(lambda o, t: o > t, over=lambda a, b: shared(a, b) / min(a[1] - a[0], b[1] - b[0])), union),
        (keep(lambda o, t: o > t, over=lambda a, b: shared(a, b) / (a[1] - a[0])), union),
        (keep(lambda o, t: o > t, over=lambda a, b: shared(a, b) / (b[1] - b[0])), union),
        (keep(lambda o, t: o > t, over=shared), union),
        (keep(lambda o, t: o > t, over=lambda a, b: 2 * shared(a, b) / (a[1] - a[0] + b[1] - b[0])), union),
        (lambda r, t: [r[i] for i in right_one(r, t)], "Return the positions of the predictions, not their times."),
        (lambda r, t: [i + 1 for i in right_one(r, t)], "Positions are counted from 0."),
        (
            lambda r, t: [i for i in range(len(r)) if i not in right_one(r, t)],
            "Return the predictions that survive, not those that are removed.",
        ),
    ]
    right = "temporal_nms does the same, and stops when it has enough."
    try_cases("nms_by_hand", solution, cases, right, mistakes=mistakes)


def strict_recall(solution: Callable[[list, int, float], float]) -> None:
    """strict_recall(ious, n, m): R@n,IoU=m in percent."""
    cases = [
        (([[0.8], [0.2]], 1, 0.5), 50.0, "One of two queries is right; the result is in percent."),
        (([[0.5, 0.1]], 1, 0.5), 0.0, "An IoU of exactly m is no hit: larger than m, strictly."),
        (([[0.1, 0.9], [0.1, 0.2]], 2, 0.5), 50.0, "A hit at any of the top n ranks counts."),
        (([[0.9, 0.1]], 2, 0.5), 100.0, "A hit at any of the top n ranks counts: here at the first."),
        (([[0.6]], 1, 0.7), 0.0, "The threshold is m: 0.6 is not larger than 0.7."),
        (([[0.1, 0.2, 0.9]], 2, 0.5), 0.0, "The third prediction is not among the first two."),
        (([[0.1, 0.2, 0.3, 0.9]], 2, 0.5), 0.0, "The fourth prediction is not among the first two."),
        (([[0.9, 0.8], [0.1, 0.2]], 5, 0.7), 50.0, "Two hits of one query count once; fewer than n are fine."),
    ]
    mistakes = [
        (lambda x, n, m: 100 * sum(any(o > 0.5 for o in row[:n]) for row in x) / len(x), "The threshold m is ignored."),
        (lambda x, n, m: 100 * sum(max(row[:n]) for row in x) / len(x), "Count the hits, not the mean IoU."),
        (
            lambda x, n, m: 100 * sum(o > m for row in x for o in row[:n]) / sum(len(row[:n]) for row in x),
            "Percent of the queries, not of predictions: one hit among the first n is enough.",
        ),
        (
            lambda x, n, m: 100 * sum(any(o > m for o in row) for row in x) / len(x),
            "Only the first n ranks count, in the order of the ranking: the model does not know the IoU.",
        ),
        (
            lambda x, n, m: 100 * sum(any(o > m for o in row[: n - 1]) for row in x) / len(x),
            "The first n ranks are row[:n]: with n = 1 that is one prediction.",
        ),
    ]
    right = "This is how 2D-TAN counts, and so does metrics.recall."
    try_cases("strict_recall", solution, cases, right, mistakes=mistakes)


def discounted(solution: Callable[[tuple, tuple, float, float], float]) -> None:
    """discounted(prediction, ground_truth, duration, m): the weight of one query in dR1@m."""
    truth = (4.0, 10.0)
    cases = [
        ((truth, truth, 20.0, 0.5), 1.0, "The ground truth itself weighs 1."),
        (((4.0, 12.0), truth, 20.0, 0.5), 0.9, "The end is off by 2 of 20 seconds: Δ is a fraction of the video."),
        (((2.0, 12.0), truth, 20.0, 0.5), 0.81, "Both boundaries are off by a tenth: the factors multiply."),
        (((4.0, 7.0), truth, 20.0, 0.5), 0.0, "An IoU of exactly m is not a hit, and only hits have a weight."),
        (((5.0, 10.0), truth, 20.0, 0.7), 0.95, "A start that is too late is off as well: take the absolute value."),
        (((4.0, 8.0), truth, 20.0, 0.7), 0.0, "The threshold is m: an IoU of 2/3 is no hit at 0.7."),
    ]

    def weight(start: Callable, end: Callable, join: Callable = lambda a, b: a * b, hit: Callable = lambda o, m: o > m):
        def solution(p: tuple, t: tuple, duration: float, m: float) -> float:
            return join(start(p[0] - t[0], duration), end(p[1] - t[1], duration)) if hit(iou(p, t), m) else 0.0

        return solution

    def right_one(d: float, duration: float) -> float:
        return 1 - abs(d) / duration

    def ignored(d: float, duration: float) -> float:
        return 1.0

    multiply = "Each boundary gives a factor of its own, and the factors multiply."
    mistakes = [
        (
            weight(lambda d, n: 1 - d / n, lambda d, n: 1 - d / n),
            "Too early is off as well as too late: take the absolute value.",
        ),
        (weight(right_one, right_one, lambda a, b: (a + b) / 2), multiply),
        (weight(right_one, right_one, min), multiply),
        (weight(right_one, right_one, lambda a, b: a + b - 1), multiply),
        (weight(right_one, ignored), "The end is off, too: it gives the second factor."),
        (weight(ignored, right_one), "The start is off, too: it gives the first factor."),
        (weight(right_one, right_one, lambda a, b: 100 * a * b), "A weight is a number from 0 to 1, not percent."),
        (weight(right_one, right_one, hit=lambda o, m: o > 0.5), "The threshold m is ignored."),
        (weight(*[lambda d, n: 1 - (d / n) ** 2] * 2), "Δ is the absolute difference, not its square."),
    ]
    right = "dR1@m is its mean over the queries, in percent."
    try_cases("discounted", solution, cases, right, mistakes=mistakes)


def loss_by_hand(solution: Callable[[Tensor, Tensor, float, float], Tensor]) -> None:
    """loss_by_hand(logits, iou, t_min, t_max): eq. 4 and 5 for a batch, as one number with a gradient."""

    def drawn(B: int, P: int, size: float, *pair: float) -> Callable[[], tuple]:
        return lambda: (size * torch.randn(B, P), torch.rand(B, P), *pair)

    def labels(iou: Tensor, t_min: float, t_max: float) -> Tensor:
        return (iou - t_min) / (t_max - t_min)

    def entropy(logits: Tensor, label: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, label)

    cases = [
        (
            drawn(1, 10, 1.0, 0.3, 1.0),
            "The mean over all candidates of −(y log p + (1 − y) log(1 − p)); p is the sigmoid.",
        ),
        (drawn(3, 7, 2.0, 0.0, 0.5), "From t_max on the label is 1, not more: clamp it at both ends."),
        (
            drawn(2, 5, 200.0, 0.3, 0.7),
            "Where the sigmoid rounds to 0 or 1 its logarithm is −∞: log p is F.logsigmoid(logits), and log(1 − p) is "
            "F.logsigmoid(−logits).",
        ),
    ]
    mistakes = [
        (lambda x, o, low, high: entropy(x, labels(o, low, high)), "Below t_min the label is 0, and from t_max on 1."),
        (lambda x, o, low, high: entropy(x, o), "The label is not the IoU but what eq. 4 makes of it."),
        (
            lambda x, o, low, high: entropy(x.sigmoid(), labels(o, low, high).clamp(0, 1)),
            "binary_cross_entropy_with_logits takes the sigmoid itself: give it logits, not scores.",
        ),
        (
            lambda x, o, low, high: entropy(x, labels(o, low, high).clamp(0, 1)) * x.numel(),
            "The mean over all candidates of all queries, not the sum: the loss must not depend on how many there are.",
        ),
        (
            lambda x, o, low, high: entropy(x, labels(o, low, high).clamp(0, 1)) * x.shape[1],
            "The mean over all candidates of all queries, not the sum over those of a query.",
        ),
        (
            lambda x, o, low, high: entropy(x, 1 - labels(o, low, high).clamp(0, 1)),
            "The label is high where the IoU is high: y goes with log p, and 1 − y with log(1 − p).",
        ),
        (
            lambda x, o, low, high: -entropy(x, labels(o, low, high).clamp(0, 1)),
            "The minus of eq. 5 makes the loss positive: a better score has a smaller loss.",
        ),
    ]
    right = "The gradient is (p − y) / (B·P): the pull ends where a score equals its label."
    compare_functions("loss_by_hand", solution, moment_loss, cases, right, gradients=[0], mistakes=mistakes)
