"""Exercises of 11_explore_predictions."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def miss(solution: Callable[[tuple, tuple], str]) -> None:
    """miss(prediction, ground_truth): "hit", "too long", "too short", "shifted" or "elsewhere"."""
    cases = [
        (((10, 14), (10, 14)), "hit", "The ground truth itself."),
        (((10, 12), (10, 14)), "too short", "An IoU of exactly one half is no hit."),
        (((8, 20), (10, 14)), "too long", "It holds the whole ground truth, and much else."),
        (((12, 18), (10, 14)), "shifted", "They share two seconds, and neither holds the other."),
        (((14, 18), (10, 14)), "elsewhere", "Where one ends as the other starts, they share nothing."),
        (((9, 15), (10, 14)), "hit", "A hit comes before all else: IoU 4/6."),
    ]
    try_cases("miss", solution, cases, "Five boxes for every prediction: now count them.")


def needed_word(solution: Callable[[float, dict], str]) -> None:
    """needed_word(whole, without): the word whose loss costs the prediction's score most."""
    cases = [
        ((0.9, {"the": 0.8, "red": 0.2, "circle": 0.6}), "red", "Without it the score is lowest."),
        ((0.5, {"holds": 0.6, "a": 0.55, "flag": 0.52}), "flag", "Every loss raises the score; this one the least."),
        ((0.9, {"red": 0.1, "star": 0.1}), "red", "Ties go to the first in the sentence."),
    ]
    try_cases("needed_word", solution, cases, "Leaving words out is the oldest explanation there is.")


def cured(solution: Callable[[list, str, float], float]) -> None:
    """cured(kinds, kind, share): R1 in percent if a share of one kind of mistakes is fixed."""
    kinds = ["hit", "hit", "shifted", "elsewhere"]
    cases = [
        ((kinds, "shifted", 1.0), 75.0, "One more of four is right."),
        ((kinds, "elsewhere", 0.5), 62.5, "Half of one mistake is fixed."),
        ((kinds, "too long", 1.0), 50.0, "A kind that does not occur gains nothing."),
        ((["shifted"] * 4, "shifted", 0.25), 25.0, "No hit before; one of four after."),
    ]
    try_cases("cured", solution, cases, "An upper bound: real fixes also lose some hits.")
