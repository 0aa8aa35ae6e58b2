"""Exercises of 02b_frames_to_features."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def span_rows(solution: Callable[[int, int, int], tuple]) -> None:
    """span_rows(i, T, n): first row of span i, and the row before which it ends."""
    cases = [
        ((0, 12, 4), (0, 3), "Twelve rows to four: three rows each."),
        ((1, 10, 4), (2, 5), "Round both boundaries, 2.5 and 5 (Python and torch round 2.5 to 2)."),
        ((3, 12, 4), (9, 11), "Boundaries go up to T - 1 only: the last row is left out."),
        ((3, 10, 4), (8, 9), "The last boundary is 9, not 10: row 9 is left out."),
        ((1, 2, 4), (0, 1), "A span without a row of its own takes the one at its first boundary (0.5 rounds to 0)."),
        ((3, 3, 4), (2, 3), "The last row does count if it is alone."),
    ]
    try_cases("span_rows", solution, cases, "Merged, repeated, and the last one dropped: all three in two lines.")


def detects(solution: Callable[[list, list], float]) -> None:
    """detects(values, there): percent of the pairs of a yes and a no in which the yes has the higher value."""
    cases = [
        (([1.0, 2.0, 3.0], [False, False, True]), 100.0, "The one yes is above both no."),
        (([3.0, 2.0, 1.0], [False, False, True]), 0.0, "Below all of them: 0 %, and not 100 % less something."),
        (([1.0, 5.0, 3.0, 4.0], [False, True, True, False]), 75.0, "Three of the four pairs: 3 is not above 4."),
        (([2.0, 2.0, 1.0], [True, False, False]), 75.0, "A tie counts half."),
        (([0.5, 0.5], [True, False]), 50.0, "A channel that never changes is at chance."),
        (([1.0, 2.0, 3.0, 4.0, 0.0], [True, False, False, False, False]), 25.0, "Of pairs of a yes and a no: four."),
        (([-5.0, -1.0, -3.0], [False, True, True]), 100.0, "Only the order counts; values may be negative."),
    ]
    try_cases("detects", solution, cases, "This is the AUC of the figure, from its definition.")
