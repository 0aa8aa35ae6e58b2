"""Exercises of 04_the_moment_map."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


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
    try_cases("candidate_number", solution, cases, "Such a formula exists only for a map without holes.")


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
    try_cases("step_of_length", solution, cases, "Lengths and starts of a scale are multiples of this step.")


def ceiling_of(solution: Callable[[list, list, float], float]) -> None:
    """ceiling_of(candidates, ground_truths, m): percent of ground truths with an IoU above m."""
    two = [(0.0, 10.0), (10.0, 20.0)]
    cases = [
        ((two, [(0.0, 10.0)], 0.5), 100.0, "A candidate is the ground truth itself; the result is in percent."),
        ((two, [(0.0, 10.0), (5.0, 15.0)], 0.5), 50.0, "The second one shares 5 of 15 s with either candidate."),
        ((two, [(0.0, 20.0)], 0.5), 0.0, "Half of the ground truth is an IoU of 0.5: larger than m, strictly."),
        (([(0.0, 20.0)], [(0.0, 9.0)], 0.3), 100.0, "A candidate that is too long has an IoU as well: 9 / 20."),
        ((two, [(11.0, 20.0)], 0.7), 100.0, "Any candidate may be the best one, not only the first."),
        ((two, [(30.0, 40.0)], 0.0), 0.0, "Without any overlap there is no hit, even at m = 0."),
    ]
    try_cases("ceiling_of", solution, cases, "No model that ranks these candidates can have a higher R1@m.")
