"""Exercises of 04_the_moment_map."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import iou


def candidate_number(solution: Callable[[int, int, int], int]) -> None:
    """candidate_number(first, last, num_clips): a candidate's position in the list of a map without holes."""
    cases = [
        ((0, 0, 4), 0, "The list begins with the first clip alone; numbers count from 0."),
        ((0, 3, 4), 3, "Row 0 holds the candidates that begin with clip 0, ordered by their end."),
        ((1, 1, 4), 4, "Row 0 has four candidates, so the first of row 1 is number 4."),
        ((2, 3, 4), 8, "Row 1 has only three candidates: none ends before it begins."),
        ((3, 3, 4), 9, "The last of ten candidates is number 9."),
        ((15, 15, 16), 135, "The last of 136 candidates is number 135."),
        ((5, 9, 16), 74, "Rows 0 to 4 hold 16 + 15 + 14 + 13 + 12 candidates."),
    ]
    mistakes = [
        (
            lambda i, j, n: i * n + j,
            "That is the number in the square, but none ends before it begins: rows get shorter.",
        ),
    ]
    right = "Such a formula exists only for a map without holes."
    try_cases("candidate_number", solution, cases, right, mistakes=mistakes)


def step_of_length(solution: Callable[[int, tuple], int]) -> None:
    """step_of_length(length, scales): the step between the starts of candidates of a length, 0 for none."""
    tacos = (16, 8, 8, 8)
    cases = [
        ((1, tacos), 1, "Single clips belong to the first scale, which starts at every clip."),
        ((16, tacos), 1, "The first scale has 16 lengths: 1 to 16."),
        ((17, tacos), 0, "After 16 the step is 2, so the next length is 18."),
        ((18, tacos), 2, "The second scale begins with the length 18 and starts at every second clip."),
        ((32, tacos), 2, "The second scale has 8 lengths: 18 to 32."),
        ((34, tacos), 0, "After 32 the step is 4, so the next length is 36."),
        ((36, tacos), 4, "Each further scale doubles the step."),
        ((128, tacos), 8, "The last length of the last scale is 128."),
        ((9, (8,)), 0, "Beyond the last scale there are no candidates."),
    ]

    def walk(first: int = 0, factor: int = 2) -> Callable:
        def solution(length: int, scales: tuple) -> int:
            reached, step = first, 1
            for lengths in scales:
                for _ in range(lengths):
                    reached += step
                    if reached == length:
                        return step
                step *= factor
            return 0

        return solution

    begin = "Single clips belong to the first scale: its lengths are 1, 2, … up to its number of lengths."
    mistakes = [
        (walk(first=-1), begin),
        (walk(first=1), begin),
        (walk(factor=4), "Each further scale doubles the step."),
        (walk(factor=1), "Each further scale doubles the step: the second one starts at every second clip."),
    ]
    right = "Lengths and starts of a scale are multiples of this step."
    try_cases("step_of_length", solution, cases, right, mistakes=mistakes)


def ceiling_of(solution: Callable[[list, list, float], float]) -> None:
    """ceiling_of(candidates, ground_truths, m): percent of ground truths with an IoU above m."""
    two = [(0.0, 10.0), (10.0, 20.0)]
    cases = [
        ((two, [(0.0, 10.0)], 0.5), 100.0, "A candidate is the ground truth itself; the result is in percent."),
        ((two, [(0.0, 10.0), (5.0, 15.0)], 0.5), 50.0, "The second one shares 5 of 15 s with either candidate."),
        ((two, [(0.0, 20.0)], 0.5), 0.0, "Half of the ground truth is an IoU of 0.5: larger than m, strictly."),
        (([(0.0, 20.0)], [(0.0, 9.0)], 0.5), 0.0, "A candidate that is too long: divide by the union, 20, not by 9."),
        ((two, [(0.0, 30.0)], 0.5), 0.0, "A candidate that is too short: divide by the union, 30, not by 10."),
        (([(0.0, 20.0)], [(0.0, 9.0)], 0.3), 100.0, "A candidate that is too long has an IoU as well: 9 / 20."),
        ((two, [(11.0, 20.0)], 0.7), 100.0, "Any candidate may be the best one, not only the first."),
        ((two, [(0.0, 12.0)], 0.7), 100.0, "A candidate need not hold the ground truth: 10 / 12 is larger than m."),
        ((two, [(30.0, 40.0)], 0.0), 0.0, "Without any overlap there is no hit, even at m = 0."),
        (
            ([*two, (0.0, 9.0)], [(0.0, 10.0)], 0.5),
            100.0,
            "A ground truth counts once, however many candidates hit it.",
        ),
        (
            ([*two, (0.0, 9.0), (40.0, 50.0)], [(0.0, 10.0), (0.0, 6.0)], 0.5),
            100.0,
            "Percent of the ground truths, not of the candidates.",
        ),
    ]

    def percent(hit: Callable) -> Callable:
        return lambda c, t, m: 100 * sum(hit(c, x, m) for x in t) / len(t)

    mistakes = [
        (percent(lambda c, x, m: any(iou(a, x) > 0.5 for a in c)), "The threshold m is ignored."),
        (percent(lambda c, x, m: max(iou(a, x) for a in c)), "Count the ground truths with a hit, not their mean IoU."),
        (
            lambda c, t, m: 100 * sum(any(iou(a, x) > m for x in t) for a in c) / len(c),
            "The result is the percentage of the ground truths, not of the candidates.",
        ),
        (
            percent(lambda c, x, m: any(min(a[1], x[1]) - max(a[0], x[0]) > m * (x[1] - x[0]) for a in c)),
            "A candidate that is too long covers all of it: divide by the union, not by the ground truth.",
        ),
        (
            percent(lambda c, x, m: any(a[0] <= x[0] and x[1] <= a[1] for a in c)),
            "To hold the ground truth is not enough: the IoU has to be larger than m, strictly.",
        ),
        (
            percent(lambda c, x, m: any(min(a[1], x[1]) - max(a[0], x[0]) > m * (a[1] - a[0]) for a in c)),
            "A candidate that is too short is covered wholly: divide by the union, not by the candidate.",
        ),
    ]
    right = "No model that ranks these candidates can have a higher R1@m."
    try_cases("ceiling_of", solution, cases, right, mistakes=mistakes)
