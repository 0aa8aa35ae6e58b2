"""The exercises' checks: each takes the reader's function and says what is wrong with it.

A function that returns nothing counts as not written yet; a wrong answer is an AssertionError whose message
says which input went wrong and why; a right one is told so. The checks are sorted by notebook.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Case = tuple[tuple, Any, str]  # arguments, the right answer, what a wrong one probably means


def _check(name: str, solution: Callable, cases: Iterable[Case], right: str) -> None:
    """Try the cases in order; the first wrong one raises AssertionError."""
    for arguments, expected, why in cases:
        found = solution(*arguments)
        if found is None:
            print(f"{name}: nothing returned yet. Replace the dots by your code and run the cell again.")
            return
        call = f"{name}({', '.join(map(repr, arguments))})"
        assert _same(found, expected), f"{call} gave {found!r}, but it should be {expected!r}. {why}"
    print(f"{name}: right. {right}")


def _same(found: Any, expected: Any) -> bool:
    try:
        found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    except (TypeError, ValueError):  # not numbers
        return False
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=0, atol=1e-6))


# 00_start_here ----------------------------------------------------------------------------------------------


def count_candidates(solution: Callable[[int], int]) -> None:
    """count_candidates(num_clips): how many moments a map without gaps holds."""
    cases = [
        ((1,), 1, "One clip is one moment: a moment may be one clip long."),
        ((2,), 3, "Two clips: each alone, and both together."),
        ((4,), 10, "Count by hand: 4 moments of one clip, 3 of two, 2 of three, 1 of four."),
        ((16,), 136, "Start and end are both clips, and the end is never before the start."),
        ((128,), 8256, "That works for small maps only."),
    ]
    _check("count_candidates", solution, cases, "16 clips give 136 moments; 128 would give 8,256.")


def overlap(solution: Callable[[tuple, tuple], float]) -> None:
    """overlap(a, b): the overlap of two intervals, as a share of their union."""
    cases = [
        (((0.0, 4.0), (0.0, 4.0)), 1.0, "An interval overlaps itself wholly."),
        (((0.0, 4.0), (2.0, 6.0)), 1 / 3, "2 seconds are shared, and 6 seconds are covered in all."),
        (((2.0, 6.0), (0.0, 4.0)), 1 / 3, "The order of the two must not matter."),
        (((0.0, 10.0), (4.0, 5.0)), 0.1, "One interval lies inside the other."),
        (((0.0, 2.0), (5.0, 9.0)), 0.0, "Intervals that do not meet share 0 seconds, never less."),
    ]
    _check("overlap", solution, cases, "The same number decides labels (eq. 4) and results (R@n).")


def best_moment(solution: Callable[[list, int, float], tuple]) -> None:
    """best_moment(scores, num_clips, duration): the answer of eq. 1 in seconds."""
    cases = [
        (([0.1, 0.9, 0.2], 2, 10.0), (0.0, 10.0), "The second candidate begins and ends with the video."),
        (([0.1, 0.2, 0.9], 2, 10.0), (5.0, 10.0), "A moment ends where its last clip ends."),
        (([0.7, 0.2, 0.1], 2, 30.0), (0.0, 15.0), "A clip lasts duration / num_clips seconds."),
        (([0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 4, 24.0), (6.0, 18.0), "The order is by start, then by end."),
        (([-3.0, -1.0, -2.0], 2, 10.0), (0.0, 10.0), "Scores may be negative: only their order counts."),
    ]
    _check("best_moment", solution, cases, "That is all that eq. 1 asks for.")


# 09_train ---------------------------------------------------------------------------------------------------


def label(solution: Callable[[float, float, float], float]) -> None:
    """label(iou, t_min, t_max): eq. 4 for one candidate."""
    cases = [
        ((0.65, 0.3, 1.0), 0.5, "Half-way between t_min and t_max the label is one half."),
        ((0.25, 0.0, 0.5), 0.5, "Divide by t_max − t_min: the paper's printed denominator is a misprint."),
        ((0.8, 0.0, 0.5), 1.0, "From t_max on the label is 1, not more."),
        ((0.1, 0.3, 1.0), 0.0, "Up to t_min the label is 0, not less."),
        ((0.3, 0.3, 1.0), 0.0, "At t_min itself the label is 0."),
    ]
    _check("label", solution, cases, "This is eq. 4 with its misprint corrected.")


def choose_epoch(solution: Callable[[list], int]) -> None:
    """choose_epoch(history): the epoch whose weights are kept."""

    def entry(epoch: int, loss: float, half: float, most: float) -> dict[str, float]:
        return {"epoch": epoch, "loss": loss, "R1@0.5": half, "R1@0.7": most}

    rising = [entry(1, 0.4, 30.0, 10.0), entry(2, 0.3, 50.0, 30.0), entry(3, 0.2, 55.0, 20.0)]
    cases = [
        ((rising,), 2, "Add both recalls: neither of them decides alone, and the training loss not at all."),
        ((rising[:1],), 1, "Return the entry's epoch; epochs are counted from 1."),
        ((rising[::-1],), 2, "Return the entry's epoch, not its place in the list."),
    ]
    _check("choose_epoch", solution, cases, "The test split has no say in it.")


def recall_at_1(solution: Callable[[list, list, float], float]) -> None:
    """recall_at_1(answers, truths, m): percent of first answers whose IoU with the truth is larger than m."""
    truth = (0.0, 10.0)
    cases = [
        (([(0.0, 10.0)], [truth], 0.5), 100.0, "The answer is the truth; the result is in percent."),
        (([(0.0, 10.0), (20.0, 30.0)], [truth, truth], 0.5), 50.0, "One of two answers is right."),
        (([(0.0, 5.0)], [truth], 0.5), 0.0, "An IoU of exactly m does not count: larger than m, strictly."),
        (([(0.0, 20.0)], [truth], 0.3), 100.0, "An answer that is too long has an IoU as well: 10 / 20."),
        (([(12.0, 15.0)], [truth], 0.0), 0.0, "No overlap is no hit, even at m = 0."),
    ]
    _check("recall_at_1", solution, cases, "This is R1@m, without NMS, which never changes the first answer.")
