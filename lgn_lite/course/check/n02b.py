"""Exercises of 02b_frames_to_features."""

from collections.abc import Callable
from math import ceil, floor

from lgn_lite.course.check.cases import try_cases


def span_rows(solution: Callable[[int, int, int], tuple]) -> None:
    """span_rows(i, T, n): first row of span i, and the row before which it ends."""
    cases = [
        ((0, 12, 4), (0, 3), "Twelve rows to four: three rows each."),
        ((1, 10, 4), (2, 5), "Round both boundaries, 2.5 and 5 (Python and torch round 2.5 to 2)."),
        ((1, 9, 4), (2, 4), "2.25 rounds to 2, and 4.5 to the even number, 4."),
        ((3, 13, 4), (10, 12), "Round both boundaries: 9.75 is 10; and the last row is left out."),
        ((3, 12, 4), (9, 11), "Boundaries go up to T - 1 only: the last row is left out."),
        ((3, 10, 4), (8, 9), "The last boundary is 9, not 10: row 9 is left out."),
        ((1, 2, 4), (0, 1), "A span without a row of its own takes the one at its first boundary (0.5 rounds to 0)."),
        ((0, 3, 8), (0, 1), "A span without a row of its own takes the row at its first boundary."),
        ((3, 3, 4), (2, 3), "The last row does count if it is alone."),
        ((3, 1, 4), (0, 1), "0.75 rounds to 1, but the first boundary goes up to T - 1 only, which is 0."),
    ]

    def span(i: int, T: int, n: int, to_row: Callable = round, least: int = 1) -> tuple[int, int]:
        first, last = (min(to_row(k * T / n), T - 1) for k in (i, i + 1))
        return first, max(last, first + least)

    inside = "The second number is the row before which it ends: the last row of the span is one less."
    mistakes = [
        (lambda i, T, n: (span(i, T, n)[0], span(i, T, n)[1] - 1), inside),
        (lambda i, T, n: list(range(*span(i, T, n))), f"{inside} Return these two numbers, not all rows."),
        (lambda i, T, n: tuple(row + 1 for row in span(i, T, n)), "Rows are counted from 0."),
        (lambda i, T, n: span(i, T - 1, n), "All T rows are divided into n spans; only the boundaries end at T - 1."),
        (
            lambda i, T, n: span(i, T, n, least=0),
            "A span without a row of its own takes the row at its first boundary.",
        ),
        *(
            (lambda i, T, n, f=f: span(i, T, n, f), "Round both boundaries to the nearest row: neither down nor up.")
            for f in (floor, ceil)
        ),
        (
            lambda i, T, n: (min(round(i * T / n), T - 1), max(min(round((i + 1) * T / n), T), round(i * T / n) + 1)),
            "The last row is left out: boundaries go up to T - 1 only.",
        ),
    ]
    right = "Merged, repeated, and the last one dropped: all three in two lines."
    try_cases("span_rows", solution, cases, right, mistakes=mistakes)


def detects(solution: Callable[[list, list], float]) -> None:
    """detects(values, there): percent of the pairs of a yes and a no in which the yes has the higher value."""
    cases = [
        (([1.0, 2.0, 3.0], [False, False, True]), 100.0, "The one yes is above both no."),
        (
            ([3.0, 2.0, 1.0], [False, False, True]),
            0.0,
            "Below all of them: no pair has the yes above the no, which is 0 %.",
        ),
        (([1.0, 5.0, 3.0, 4.0], [False, True, True, False]), 75.0, "Three of the four pairs: 3 is not above 4."),
        (([2.0, 2.0, 1.0], [True, False, False]), 75.0, "A tie counts half."),
        (([0.5, 0.5], [True, False]), 50.0, "A channel that never changes is at chance."),
        (([1.0, 2.0, 3.0, 4.0, 0.0], [True, False, False, False, False]), 25.0, "Of pairs of a yes and a no: four."),
        (([-5.0, -1.0, -3.0], [False, True, True]), 100.0, "Only the order counts; values may be negative."),
    ]

    def pairs(counts: Callable) -> Callable:
        """What each pair of a yes and a no counts, on average, in percent."""

        def other(values: list, there: list) -> float:
            yes = [v for v, t in zip(values, there, strict=True) if t]
            no = [v for v, t in zip(values, there, strict=True) if not t]
            return 100 * sum(counts(a, b) for a in yes for b in no) / (len(yes) * len(no))

        return other

    def right_one(yes: float, no: float) -> float:
        return (yes > no) + 0.5 * (yes == no)

    mistakes = [
        (pairs(lambda yes, no: right_one(yes, no) / 100), "The result is in percent."),
        (pairs(lambda yes, no: right_one(no, yes)), "The yes of a pair has to have the higher value, not the no."),
        (pairs(lambda yes, no: yes < no), "The yes of a pair has to have the higher value, not the no."),
        (
            pairs(lambda yes, no: (yes > no) - (yes < no)),
            "Nothing is subtracted: a pair that is the wrong way round counts 0.",
        ),
        (pairs(lambda yes, no: yes - no), "Only the order counts, not by how much the values differ."),
    ]
    right = "This is the AUC of the figure, from its definition."
    try_cases("detects", solution, cases, right, mistakes=mistakes)
