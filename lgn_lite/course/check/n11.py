"""Exercises of 11_explore_predictions."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import iou, shared


def miss(solution: Callable[[tuple, tuple], str]) -> None:
    """miss(prediction, ground_truth): "hit", "too long", "too short", "shifted" or "elsewhere"."""

    def hit(p: tuple, t: tuple) -> bool:
        return iou(p, t) > 0.5

    def apart(p: tuple, t: tuple) -> bool:
        return shared(p, t) == 0

    def holds(p: tuple, t: tuple) -> bool:
        return p[0] <= t[0] and t[1] <= p[1]

    def within(p: tuple, t: tuple) -> bool:
        return holds(t, p)

    def first(*questions: tuple[Callable, str]) -> Callable:
        return lambda p, t: next((name for q, name in questions if q(p, t)), "shifted")

    cases = [
        (((10, 14), (10, 14)), "hit", "The ground truth itself."),
        (
            ((10, 12), (10, 14)),
            "too short",
            "An IoU of exactly one half is no hit, and it lies wholly in the ground truth.",
        ),
        (
            ((8, 20), (10, 14)),
            "too long",
            "An IoU of one third: divide by the union. It holds the whole ground truth, and much else.",
        ),
        (((12, 18), (10, 14)), "shifted", "They share two seconds, and neither holds the other."),
        (((14, 18), (10, 14)), "elsewhere", "Where one ends as the other starts, they share nothing."),
        (((8, 11), (10, 14)), "shifted", "It is shorter, but does not lie wholly in the ground truth."),
        (((10, 20), (10, 14)), "too long", "It holds the whole ground truth: a boundary may be the same."),
        (((11, 12), (10, 14)), "too short", "It lies wholly in the ground truth, an IoU of one quarter."),
        (((9, 15), (10, 14)), "hit", "A hit comes before all else: IoU 4/6."),
    ]
    yes, no = (hit, "hit"), (apart, "elsewhere")
    long, short = (holds, "too long"), (within, "too short")
    union = "The IoU divides by the union of the two, not by one of them."
    swapped = "It is the other way round: too long holds the ground truth, too short lies in it."
    mistakes = [
        (first((lambda p, t: p == t, "hit"), no, long, short), "A hit need not be exact: its IoU is above one half."),
        (first((lambda p, t: 2 * shared(p, t) > t[1] - t[0], "hit"), no, long, short), union),
        (first((lambda p, t: 2 * shared(p, t) > p[1] - p[0], "hit"), no, long, short), union),
        (first(no, long, short, yes), "A hit comes before all else."),
        (first(yes, no, (within, "too long"), (holds, "too short")), swapped),
        (
            first(yes, no, (lambda p, t: p[1] - p[0] > t[1] - t[0], "too long"), short),
            "Longer is not enough: too long holds the whole ground truth; here neither holds the other.",
        ),
        (
            first(yes, no, long, (lambda p, t: p[1] - p[0] < t[1] - t[0], "too short")),
            "Shorter is not enough: too short lies wholly in it; here neither holds the other.",
        ),
        (
            first(yes, no, (lambda p, t: p[0] < t[0] and t[1] < p[1], "too long"), short),
            "It holds the whole ground truth as well if one boundary is the same: a boundary may be the same.",
        ),
        (
            first(yes, no, long, (lambda p, t: t[0] < p[0] and p[1] < t[1], "too short")),
            "It lies wholly in the ground truth if one boundary is the same, too: a boundary may be the same.",
        ),
        (first(yes, no), "It lies wholly in the ground truth (too short), or holds it (too long): ask for both."),
        (first(yes, no, long), "It lies wholly in the ground truth: that is too short."),
        (
            first(yes, no, (lambda p, t: p[0] <= t[0], "too long")),
            "It lies wholly in the ground truth: compare both ends.",
        ),
        (first(yes, no, (lambda p, t: p[0] <= t[0], "too long"), short), "Too long holds both ends: compare both."),
    ]
    right = "Five boxes for every prediction: now count them."
    try_cases("miss", solution, cases, right, mistakes=mistakes)


def needed_word(solution: Callable[[float, dict], str]) -> None:
    """needed_word(whole, without): the word whose loss costs the prediction's score most."""
    cases = [
        ((0.9, {"the": 0.8, "red": 0.2, "circle": 0.6}), "red", "Without it the score is lowest."),
        ((0.5, {"holds": 0.6, "a": 0.55, "flag": 0.52}), "flag", "Every loss raises the score; this one the least."),
        ((0.9, {"red": 0.1, "star": 0.1}), "red", "Ties go to the first in the sentence."),
        (
            (0.9, {"star": 0.1, "blue": 0.1}),
            "star",
            "Ties go to the first in the sentence, not the first in the alphabet.",
        ),
        ((0.9, {"a": 0.5, "blue": 0.2, "spinning": 0.7}), "blue", "Without it the score is lowest."),
    ]
    try_cases("needed_word", solution, cases, "Leaving words out is the oldest explanation there is.")


def cured(solution: Callable[[list, str, float], float]) -> None:
    """cured(kinds, kind, share): R1 in percent if a share of one kind of mistakes is fixed."""
    kinds = ["hit", "hit", "shifted", "elsewhere"]
    cases = [
        ((kinds, "shifted", 1.0), 75.0, "One more of four is right."),
        ((kinds, "elsewhere", 0.5), 62.5, "Half of one mistake is fixed."),
        ((kinds, "too long", 1.0), 50.0, "A kind that does not occur gains nothing."),
        (
            (["hit", "shifted", "shifted", "too long", "hit"], "shifted", 0.5),
            60.0,
            "Half of two mistakes is one more hit.",
        ),
        ((["shifted"] * 4, "shifted", 0.25), 25.0, "No hit before; one of four after."),
    ]

    def percent(hits: Callable, among: Callable = len) -> Callable:
        return lambda kinds, kind, share: 100 * hits(kinds, kinds.count("hit"), kinds.count(kind), share) / among(kinds)

    every = "Hits and fixed mistakes are divided by all predictions."
    mistakes = [
        (percent(lambda k, hits, n, share: share * n), "Hits remain hits: add them to the fixed ones."),
        (percent(lambda k, hits, n, share: (hits + share * n) / 100), "The result is in percent."),
        (
            percent(lambda k, hits, n, share: (hits + share * n) * len(k) / 100),
            "That is a number; the result is in percent.",
        ),
        (
            percent(lambda k, hits, n, share: hits + share * (len(k) - hits)),
            "Only mistakes of this kind are fixed, not all mistakes.",
        ),
        (
            percent(lambda k, hits, n, share: hits + share * (n > 0)),
            "The share is of all of this kind: multiply it by how many there are.",
        ),
        (
            percent(lambda k, hits, n, share: round(hits + share * n)),
            "Half of one mistake counts as a half: nothing is rounded.",
        ),
        (
            lambda k, kind, share: round(100 * (k.count("hit") + share * k.count(kind)) / len(k)),
            "Percent, but not rounded.",
        ),
        (lambda k, kind, share: 100 * (k.count("hit") + share * k.count(kind)) / (len(k) - k.count(kind)), every),
        (percent(lambda k, hits, n, share: hits + share * n, lambda k: max(1, k.count("hit"))), every),
    ]
    right = "An upper bound: real fixes also lose some hits."
    try_cases("cured", solution, cases, right, mistakes=mistakes)
