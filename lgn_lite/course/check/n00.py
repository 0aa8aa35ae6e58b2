"""Exercises of 00_start_here."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def count_candidates(solution: Callable[[int], int]) -> None:
    """count_candidates(num_clips): how many moments a map without gaps holds."""
    cases = [
        ((1,), 1, "One clip is one moment: a moment may be one clip long."),
        ((2,), 3, "Two clips: each alone, and both together."),
        ((4,), 10, "Count by hand: 4 moments of one clip, 3 of two, 2 of three, 1 of four."),
        ((16,), 136, "Start and end are both clips, and the end is never before the start."),
        ((128,), 8256, "That works for small maps only."),
    ]
    try_cases("count_candidates", solution, cases, "16 clips give 136 moments; 128 would give 8,256.")


def overlap(solution: Callable[[tuple, tuple], float]) -> None:
    """overlap(a, b): the overlap of two intervals, as a share of their union."""
    cases = [
        (((0.0, 4.0), (0.0, 4.0)), 1.0, "An interval overlaps itself wholly."),
        (((0.0, 4.0), (2.0, 6.0)), 1 / 3, "2 seconds are shared, and 6 seconds are covered in all."),
        (((2.0, 6.0), (0.0, 4.0)), 1 / 3, "The order of the two must not matter."),
        (((0.0, 10.0), (4.0, 5.0)), 0.1, "One interval lies inside the other."),
        (((0.0, 2.0), (5.0, 9.0)), 0.0, "Intervals that do not meet share 0 seconds, never less."),
    ]
    try_cases("overlap", solution, cases, "The same number decides labels (eq. 4) and results (R@n).")


def best_moment(solution: Callable[[list, int, float], tuple]) -> None:
    """best_moment(scores, num_clips, duration): the prediction of eq. 1 in seconds."""
    cases = [
        (([0.1, 0.9, 0.2], 2, 10.0), (0.0, 10.0), "The second candidate begins and ends with the video."),
        (([0.1, 0.2, 0.9], 2, 10.0), (5.0, 10.0), "A moment ends where its last clip ends."),
        (([0.7, 0.2, 0.1], 2, 30.0), (0.0, 15.0), "A clip lasts duration / num_clips seconds."),
        (([0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 4, 24.0), (6.0, 18.0), "The order is by start, then by end."),
        (([-3.0, -1.0, -2.0], 2, 10.0), (0.0, 10.0), "Scores may be negative: only their order counts."),
    ]
    try_cases("best_moment", solution, cases, "That is all that eq. 1 asks for.")
