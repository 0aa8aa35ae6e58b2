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


def judge_row(solution: Callable[[list, dict, float], tuple]) -> None:
    """judge_row(runs, reference, t): the rate chosen on val, and the paired interval of the test scores at this rate."""

    def run(rate: float, seed: int, val: float, test: float) -> dict[str, float]:
        return {"learning_rate": rate, "seed": seed, "val": val, "test": test}

    # At 0.002 val is best on average, at 0.004 test is, and 0.001 has the single best run on val
    runs = [
        *(run(0.001, 0, 95.0, 70.0), run(0.001, 1, 60.0, 71.0)),
        *(run(0.002, 0, 82.0, 81.0), run(0.002, 1, 80.0, 83.0)),
        *(run(0.004, 0, 75.0, 90.0), run(0.004, 1, 77.0, 92.0)),
    ]
    shuffled = [runs[i] for i in (5, 3, 0, 2, 4, 1)]
    three = [run(0.002, seed, 80.0, test) for seed, test in enumerate((61.0, 72.0, 56.0))]
    half = 7.0**0.5 / 3**0.5
    cases = [
        ((runs[2:4], {0: 80.0, 1: 80.0}, 2.0), (0.002, 0.0, 4.0), "One rate: differences 1 and 3, standard error 1."),
        ((runs[2:], {0: 80.0, 1: 80.0}, 2.0), (0.002, 0.0, 4.0), "Choose the rate on val: test must not choose it."),
        ((runs, {0: 80.0, 1: 80.0}, 2.0), (0.002, 0.0, 4.0), "The mean of val over the seeds decides, not one run."),
        ((runs, {1: 72.0, 0: 70.0}, 2.0), (0.002, 11.0, 11.0), "Pair by seed: 81 − 70 and 83 − 72 are both 11."),
        ((shuffled, {0: 70.0, 1: 72.0}, 2.0), (0.002, 11.0, 11.0), "Runs come in any order: match them by their seed."),
        (
            (three, {0: 60.0, 1: 70.0, 2: 50.0}, 1.0),
            (0.002, 3.0 - half, 3.0 + half),
            "The standard deviation of the differences divides by n − 1, the error then by √n.",
        ),
    ]
    try_cases("judge_row", solution, cases, "That is how every row of this notebook was made.")
