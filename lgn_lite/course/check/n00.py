"""Exercises of 00_start_here."""

from collections.abc import Callable, Iterable
from itertools import product

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
    mistakes = [
        (lambda n: n * n, "The square has n² cells, but the end is never before the start: about half are impossible."),
        (lambda n: n * (n + 1), "Each moment is counted twice: halve it."),
    ]
    right = "16 clips give 136 moments; 128 would give 8,256."
    try_cases("count_candidates", solution, cases, right, mistakes=mistakes)


def overlap(solution: Callable[[tuple, tuple], float]) -> None:
    """overlap(a, b): the overlap of two intervals, as a share of their union."""
    cases = [
        (
            ((0.0, 4.0), (0.0, 4.0)),
            1.0,
            "An interval overlaps itself wholly: 1, a share and neither seconds nor percent.",
        ),
        (((0.0, 4.0), (2.0, 6.0)), 1 / 3, "2 seconds are shared, and the union is 6 seconds: divide by the union."),
        (((2.0, 6.0), (0.0, 4.0)), 1 / 3, "The order of the two must not matter."),
        (((0.0, 10.0), (4.0, 5.0)), 0.1, "One interval lies inside the other."),
        (((0.0, 2.0), (5.0, 9.0)), 0.0, "Intervals that do not meet share 0 seconds, never less."),
    ]
    mistakes = [
        (
            lambda a, b: max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / (a[1] - a[0] + b[1] - b[0]),
            "The sum of the two lengths is not the union: the shared part is counted twice in it.",
        )
    ]
    right = "The same number decides labels (eq. 4) and results (R@n)."
    try_cases("overlap", solution, cases, right, mistakes=mistakes)


def best_moment(solution: Callable[[list, int, float], tuple]) -> None:
    """best_moment(scores, num_clips, duration): the prediction of eq. 1 in seconds."""

    def best(scores: list, candidates: Iterable, seconds: Callable, key: Callable = float) -> tuple:
        """The prediction by another order of the candidates, other seconds or another choice."""
        candidates = list(candidates)
        return seconds(*candidates[max(range(len(scores)), key=lambda p: key(scores[p]))])

    def rows(n: int) -> list:
        return [(i, j) for i in range(n) for j in range(i, n)]

    cases = [
        (([0.5], 1, 8.0), (0.0, 8.0), "The only candidate of one clip is the whole video, from 0 to 8 seconds."),
        (([0.1, 0.9, 0.2], 2, 10.0), (0.0, 10.0), "The second candidate begins and ends with the video."),
        (([0.1, 0.2, 0.9], 2, 10.0), (5.0, 10.0), "A moment ends where its last clip ends."),
        (([0.7, 0.2, 0.1], 2, 30.0), (0.0, 15.0), "A clip lasts duration / num_clips seconds."),
        (([0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 4, 24.0), (6.0, 18.0), "The order is by start, then by end."),
        (([0, 0, 0, 0, 0, 0, 0, 1, 0, 0], 4, 24.0), (12.0, 18.0), "Seven candidates begin with clip 0 or 1."),
        (([-3.0, -1.0, -2.0], 2, 10.0), (0.0, 10.0), "Scores may be negative: only their order counts."),
    ]
    order = "The candidates are ordered by start, then by end, and none ends before it starts."
    mistakes = [
        (
            lambda s, n, d: best(s, rows(n), lambda i, j: (i * d / n, j * d / n)),
            "A moment ends where its last clip ends, not where it begins: one clip later.",
        ),
        (
            lambda s, n, d: best(s, rows(n), lambda i, j: (i, j + 1)),
            "These are clips: a clip lasts duration / num_clips seconds.",
        ),
        (
            lambda s, n, d: best(s, rows(n), lambda i, j: (i, j)),
            "These are clips: a clip lasts duration / num_clips seconds, and a moment ends where its last clip ends.",
        ),
        (
            lambda s, n, d: best(s, rows(n), lambda i, j: ((i + 1) * d / n, (j + 1) * d / n)),
            "Clips are counted from 0: the first one begins at 0 seconds.",
        ),
        (
            lambda s, n, d: best(s, rows(n), lambda i, j: (i * d / n, (j + 1 - i) * d / n)),
            "The second number is the end of the moment, not the length of it.",
        ),
        (
            lambda s, n, d: best(s, rows(n), lambda i, j: (i * d / n, (j + 1) * d / n), lambda x: -x),
            "The highest score is best.",
        ),
        *(
            (
                lambda s, n, d, key=key: best(s, sorted(rows(n), key=key), lambda i, j: (i * d / n, (j + 1) * d / n)),
                order,
            )
            for key in (lambda c: c[1], lambda c: c[1] - c[0], lambda c: c[0] - c[1])
        ),
        (
            lambda s, n, d: best(s, product(range(n), repeat=2), lambda i, j: (i * d / n, (j + 1) * d / n)),
            order,
        ),
    ]
    try_cases("best_moment", solution, cases, "That is all that eq. 1 asks for.", mistakes=mistakes)
