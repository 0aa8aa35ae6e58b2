"""Exercises of 10_ablations."""

from collections.abc import Callable
from math import ceil
from statistics import mean, pstdev, stdev

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
        (([50.0, 62.0], [51.0, 61.0], 2.0), (-2.0, 2.0), "Differences −1 and 1: keep the sign, the mean is 0."),
        (([60.0, 70.0], [60.0, 50.0], 2.0), (-10.0, 30.0), "Pair by position: 60 − 60 and 70 − 50, without sorting."),
    ]
    error, deviation = "The error is the standard deviation divided by √n.", "The standard deviation divides by n − 1."

    def by(half: Callable, difference: Callable = lambda a, b: a - b, ends: Callable = lambda m, h: (m - h, m + h)):
        """The interval of other differences, another half width or other ends."""

        def other(ours: list, reference: list, t: float) -> tuple:
            d = [difference(a, b) for a, b in zip(ours, reference, strict=True)]
            return ends(mean(d), half(d, t))

        return other

    def right_half(d: list, t: float) -> float:
        return t * stdev(d) / len(d) ** 0.5

    mistakes = [
        (by(lambda d, t: t * pstdev(d) / len(d) ** 0.5), deviation),
        (by(lambda d, t: t * stdev(d)), error),
        (by(lambda d, t: t * stdev(d) / len(d)), error),
        (by(lambda d, t: t * stdev(d) / (len(d) - 1) ** 0.5), error),
        (by(lambda d, t: t * stdev(d) ** 2 / len(d) ** 0.5), "The standard deviation is the root of the variance."),
        (by(lambda d, t: t * (max(d) - min(d)) / 2 / len(d) ** 0.5), f"{deviation} It is not half of the range."),
        (by(lambda d, t: 2 * stdev(d) / len(d) ** 0.5), "Multiply the error by the given t: 2 need not be it."),
        (by(lambda d, t: 1.96 * stdev(d) / len(d) ** 0.5), "Multiply the error by the given t, not by 1.96."),
        (by(right_half, lambda a, b: b - a), "The difference is ours minus the reference."),
        (by(right_half, lambda a, b: abs(a - b)), "Differences keep the sign: no absolute value."),
        (by(right_half, lambda a, b: 100 * (a - b) / b), "Differences are in points, not in percent of the reference."),
        (by(right_half, ends=lambda m, h: (m + h, m - h)), "The lower end first, then the upper one."),
        (by(right_half, ends=lambda m, h: (m, h)), "Return both ends: mean − half and mean + half."),
        (
            lambda ours, reference, t: by(right_half)(sorted(ours), sorted(reference), t),
            "Seeds are paired by position: do not sort the two lists.",
        ),
    ]
    right = "The same as scipy.stats.ttest_rel(…).confidence_interval()."
    try_cases("paired_interval", solution, cases, right, mistakes=mistakes)


def false_alarms(solution: Callable[[int, float], float]) -> None:
    """false_alarms(comparisons, level): how many intervals miss a true difference of zero, on average."""
    cases = [
        ((1, 0.95), 0.05, "One interval of twenty misses the true value."),
        ((20, 0.95), 1.0, "Twenty such intervals: one of them."),
        ((10, 0.99), 0.1, "Wider intervals miss less often."),
        ((0, 0.95), 0.0, "With no comparison there is no false alarm."),
    ]
    average = "It is a number on average, not a whole number of cases and not the chance of at least one."
    mistakes = [
        (lambda c, level: 1 - level**c, average),
        (lambda c, level: round(c * (1 - level)), average),
        (lambda c, level: ceil(c * (1 - level)), average),
        (lambda c, level: int(c * (1 - level)), average),
        (lambda c, level: 100 * c * (1 - level), "It is a number of intervals, not percent."),
        (lambda c, level: c * (1 - level) / 2, "An interval misses on either side: both count."),
    ]
    right = "Count the comparisons before you count the stars."
    try_cases("false_alarms", solution, cases, right, mistakes=mistakes)


def seeds_needed(solution: Callable[[float, float], int]) -> None:
    """seeds_needed(deviation, difference): seeds after which two standard errors are less than the difference."""
    cases = [
        ((1.0, 2.1), 1, "Two errors of one seed are 2, less than 2.1."),
        ((1.0, 1.0), 5, "With 4 seeds two errors are exactly 1: not yet less."),
        ((1.0, 1.99), 2, "Two errors of one seed are 2, which is not less than 1.99."),
        ((2.0, 1.0), 17, "Twice the standard deviation takes four times the seeds."),
        ((3.0, 6.5), 1, "A difference larger than two standard deviations shows at once."),
    ]

    def count(enough: Callable) -> Callable:
        return lambda s, d: next(n for n in range(1, 10_000) if enough(s, d, n))

    two = "Two standard errors, not one or 1.96, have to be less than the difference."
    mistakes = [
        (count(lambda s, d, n: 2 * s / n**0.5 <= d), "With 4 seeds two errors are exactly 1: not yet less."),
        (count(lambda s, d, n: s / n**0.5 < d), two),
        (count(lambda s, d, n: 1.96 * s / n**0.5 < d), two),
        (count(lambda s, d, n: 2 * s / n < d), "An error shrinks with the root of the seeds."),
        (count(lambda s, d, n: 2 * s * s / n < d), "Take the standard deviation, not the variance."),
        (count(lambda s, d, n: 2 * s * s / n**0.5 < d), "Take the standard deviation, not the variance."),
        (lambda s, d: (2 * s / d) ** 2, "Seeds are a whole number: the first one at which it is less."),
    ]
    right = "Half the difference takes four times the seeds."
    try_cases("seeds_needed", solution, cases, right, mistakes=mistakes)


def judge_row(solution: Callable[[list, dict, float], tuple]) -> None:
    """judge_row(runs, reference, t): the rate chosen on val, and its paired interval on test."""

    def run(rate: float, seed: int, val: float, test: float) -> dict[str, float]:
        return {"learning_rate": rate, "seed": seed, "val": val, "test": test}

    # Best on test at 0.001, on val at 0.002; 0.004 has the single best run on val, 0.008 the lowest mean
    runs = [
        *(run(0.001, 0, 75.0, 90.0), run(0.001, 1, 77.0, 92.0)),
        *(run(0.002, 0, 82.0, 81.0), run(0.002, 1, 80.0, 83.0)),
        *(run(0.004, 0, 95.0, 70.0), run(0.004, 1, 60.0, 71.0)),
        *(run(0.008, 0, 50.0, 60.0), run(0.008, 1, 52.0, 61.0)),
        *(run(0.0005, 0, 70.0, 65.0), run(0.0005, 1, 71.0, 66.0)),
    ]
    shuffled = [runs[i] for i in (5, 3, 0, 2, 4, 1)]
    three = [run(0.002, seed, 80.0, test) for seed, test in enumerate((61.0, 72.0, 56.0))]
    half = 7.0**0.5 / 3**0.5
    cases = [
        ((runs[2:4], {0: 80.0, 1: 80.0}, 2.0), (0.002, 0.0, 4.0), "One rate: differences 1 and 3, standard error 1."),
        ((runs[:4], {0: 80.0, 1: 80.0}, 2.0), (0.002, 0.0, 4.0), "Choose the rate on val: test must not choose it."),
        ((runs, {0: 80.0, 1: 80.0}, 2.0), (0.002, 0.0, 4.0), "The mean of val over the seeds decides, not one run."),
        ((runs, {1: 72.0, 0: 70.0}, 2.0), (0.002, 11.0, 11.0), "Pair by seed: 81 − 70 and 83 − 72 are both 11."),
        ((shuffled, {0: 70.0, 1: 72.0}, 2.0), (0.002, 11.0, 11.0), "Runs come in any order: match them by their seed."),
        (
            (three, {0: 60.0, 1: 70.0, 2: 50.0}, 1.0),
            (0.002, 3.0 - half, 3.0 + half),
            "The standard deviation of the differences divides by n − 1, the error then by √n.",
        ),
    ]

    def choose(value: Callable, pick: Callable = max, join: Callable = mean) -> Callable:
        rates = lambda runs: list(dict.fromkeys(x["learning_rate"] for x in runs))  # noqa: E731
        return lambda runs: pick(rates(runs), key=lambda r: join(value(x) for x in runs if x["learning_rate"] == r))

    best = choose(lambda x: x["val"])

    def judge(
        rate: Callable = best,
        difference: Callable = lambda x, i, reference: x["test"] - reference[x["seed"]],
        spread: Callable = stdev,
        root: Callable = lambda n: n**0.5,
        chosen: Callable = lambda x, rate: x["learning_rate"] == rate,
        ends: Callable = lambda r, m, h: (r, m - h, m + h),
    ) -> Callable:
        def other(runs: list, reference: dict, t: float) -> tuple:
            r = rate(runs)
            d = [difference(x, i, reference) for i, x in enumerate(x for x in runs if chosen(x, r))]
            return ends(r, mean(d), t * spread(d) / root(len(d)))

        return other

    on_test = "Choose the rate on val: test must not choose it, nor the two together."
    on_val = "Choose the rate on val, by its mean over the seeds: the highest one."
    mistakes = [
        (judge(choose(lambda x: x["test"])), on_test),
        (judge(choose(lambda x: x["val"] + x["test"])), on_test),
        (judge(choose(lambda x: x["val"], join=max)), "The mean of val over the seeds decides, not one run."),
        (judge(choose(lambda x: x["val"], min)), on_val),
        (judge(lambda runs: runs[-1]["learning_rate"]), on_val),
        (judge(lambda runs: min(x["learning_rate"] for x in runs)), on_val),
        (judge(lambda runs: max(x["learning_rate"] for x in runs)), on_val),
        (
            judge(difference=lambda x, i, ref: x["val"] - ref[x["seed"]]),
            "The interval is of the scores on test, not on val.",
        ),
        (judge(chosen=lambda x, rate: True), "The interval is of the chosen rate alone, not of all runs."),
        (
            judge(difference=lambda x, i, ref: x["test"] - list(ref.values())[i % len(ref)]),
            "The reference is a dictionary by seed: match each run by its seed.",
        ),
        (
            judge(difference=lambda x, i, ref: x["test"] - mean(ref.values())),
            "Pair by seed: each run minus the reference of its own seed.",
        ),
        (judge(difference=lambda x, i, ref: ref[x["seed"]] - x["test"]), "The difference is row minus reference."),
        (judge(spread=pstdev), "The standard deviation of the differences divides by n − 1."),
        (judge(root=lambda n: 1), "The error is the standard deviation, then divided by √n."),
        (judge(root=lambda n: n), "The error is the standard deviation, then divided by √n, not by n."),
        (judge(ends=lambda r, m, h: (m - h, m + h)), "Return three numbers, with the rate first."),
        (judge(ends=lambda r, m, h: (r, m)), "Return three numbers: the rate and both ends of the interval."),
    ]
    right = "That is how every row of this notebook was made."
    try_cases("judge_row", solution, cases, right, mistakes=mistakes)
