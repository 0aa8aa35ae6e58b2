"""Exercises of 10_ablations."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def paired_interval(solution: Callable[[list, list, float], tuple]) -> None:
    """paired_interval(ours, reference, t): the ends of Student's interval of the mean difference."""
    cases = [
        (([61.0, 63.0], [60.0, 60.0], 2.0), (0.0, 4.0), "Differences 1 and 3: mean 2, standard error √2/√2 = 1."),
        (([5.0, 5.0, 5.0], [4.0, 4.0, 4.0], 4.3), (1.0, 1.0), "All seeds agree: an interval of no width."),
        (([70.0, 60.0], [60.0, 50.0], 2.0), (10.0, 10.0), "Pair the seeds first: what both rows share cancels."),
        (
            ([1.0, 2.0, 6.0], [0.0, 0.0, 0.0], 1.0),
            (3.0 - 7.0**0.5 / 3**0.5, 3.0 + 7.0**0.5 / 3**0.5),
            "The standard deviation divides by n − 1, the error then by √n.",
        ),
    ]
    try_cases("paired_interval", solution, cases, "The same as scipy.stats.ttest_rel(…).confidence_interval().")


def false_alarms(solution: Callable[[int, float], float]) -> None:
    """false_alarms(comparisons, level): how many intervals miss a true difference of zero, on average."""
    cases = [
        ((1, 0.95), 0.05, "One interval of twenty misses the true value."),
        ((20, 0.95), 1.0, "Twenty such intervals: one of them."),
        ((10, 0.99), 0.1, "Wider intervals miss less often."),
        ((0, 0.95), 0.0, "With no comparison there is no false alarm."),
    ]
    try_cases("false_alarms", solution, cases, "Count the comparisons before you count the stars.")


def seeds_needed(solution: Callable[[float, float], int]) -> None:
    """seeds_needed(deviation, difference): seeds after which two standard errors are less than the difference."""
    cases = [
        ((1.0, 2.1), 1, "Two errors of one seed are 2, less than 2.1."),
        ((1.0, 1.0), 5, "With 4 seeds two errors are exactly 1: not yet less."),
        ((2.0, 1.0), 17, "Twice the standard deviation takes four times the seeds."),
        ((3.0, 6.5), 1, "A difference larger than two standard deviations shows at once."),
    ]
    try_cases("seeds_needed", solution, cases, "Half the difference takes four times the seeds.")
