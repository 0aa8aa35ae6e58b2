"""Exercises of 08_loss_and_metrics."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def expected_label(solution: Callable[[list, list, float, float], float]) -> None:
    """expected_label(ious, chances, t_min, t_max): what an uncertain model should score a candidate."""
    cases = [
        (([0.65], [1.0], 0.3, 1.0), 0.5, "A belief in one moment is the label of eq. 4."),
        (([1.0, 0.0], [0.5, 0.5], 0.0, 0.5), 0.5, "Take the label of each IoU first, then the mean of the labels."),
        (([0.5, 0.5], [0.5, 0.5], 0.0, 0.5), 1.0, "The hedge of the text: label 1 with either moment."),
        (([1.0, 0.2], [0.25, 0.75], 0.3, 1.0), 0.25, "Below t_min the label is 0, never negative."),
        (([0.4, 0.8], [0.3, 0.7], 0.0, 0.5), 0.94, "Each label counts by its moment's chance: 0.3 · 0.8 + 0.7 · 1."),
    ]
    try_cases("expected_label", solution, cases, "The score that cross entropy rewards, and hence what eq. 1 predicts.")


def nms_by_hand(solution: Callable[[list, float], list]) -> None:
    """nms_by_hand(ranking, threshold): the positions of the predictions that survive, best first."""
    apart = [(0.0, 4.0), (10.0, 14.0), (5.0, 8.0)]
    chain = [(0.0, 10.0), (3.0, 13.0), (6.0, 16.0)]  # IoU of neighbours 7/13, of the ends 4/16
    cases = [
        ((apart, 0.5), [0, 1, 2], "Answers that do not meet all survive, in the order of the ranking."),
        (([(0.0, 4.0), (0.0, 5.0)], 0.5), [0], "The second overlaps the better one by 4/5."),
        (([(0.0, 4.0), (0.0, 8.0)], 0.5), [0, 1], "An overlap of exactly the threshold survives."),
        ((chain, 0.45), [0, 2], "The prediction in the middle was removed: it must not remove the last one."),
        (([(2.0, 4.0), (2.0, 4.0), (8.0, 9.0)], 0.9), [0, 2], "Of equal predictions only the first survives."),
    ]
    try_cases("nms_by_hand", solution, cases, "temporal_nms does the same, and stops when it has enough.")


def strict_recall(solution: Callable[[list, int, float], float]) -> None:
    """strict_recall(ious, n, m): R@n,IoU=m in percent."""
    cases = [
        (([[0.8], [0.2]], 1, 0.5), 50.0, "One of two queries is right; the result is in percent."),
        (([[0.5, 0.1]], 1, 0.5), 0.0, "An IoU of exactly m is no hit: larger than m, strictly."),
        (([[0.1, 0.9], [0.1, 0.2]], 2, 0.5), 50.0, "A hit at any of the top n ranks counts."),
        (([[0.1, 0.2, 0.9]], 2, 0.5), 0.0, "The third prediction is not among the first two."),
        (([[0.9, 0.8], [0.1, 0.2]], 5, 0.7), 50.0, "Two hits of one query count once; fewer than n are fine."),
    ]
    try_cases("strict_recall", solution, cases, "This is how 2D-TAN counts, and so does metrics.recall.")


def discounted(solution: Callable[[tuple, tuple, float, float], float]) -> None:
    """discounted(prediction, ground_truth, duration, m): the weight of one query in dR1@m."""
    truth = (4.0, 10.0)
    cases = [
        ((truth, truth, 20.0, 0.5), 1.0, "The ground truth itself weighs 1."),
        (((4.0, 12.0), truth, 20.0, 0.5), 0.9, "The end is off by 2 of 20 seconds: Δ is a fraction of the video."),
        (((2.0, 12.0), truth, 20.0, 0.5), 0.81, "Both boundaries are off by a tenth: the factors multiply."),
        (((4.0, 7.0), truth, 20.0, 0.5), 0.0, "An IoU of exactly m is not a hit, and only hits have a weight."),
        (((5.0, 10.0), truth, 20.0, 0.7), 0.95, "A start that is too late is off as well: take the absolute value."),
    ]
    try_cases("discounted", solution, cases, "dR1@m is its mean over the queries, in percent.")
