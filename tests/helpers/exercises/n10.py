"""What the tests know of 10_ablations: wrong answers to each exercise, their messages, and its key numbers."""

import math
from statistics import mean, pstdev, stdev


def _interval(difference=lambda a, b: a - b, spread=stdev, error=lambda n: n**0.5):
    def solution(ours, reference, t):
        d = [difference(a, b) for a, b in zip(ours, reference, strict=True)]
        half = t * spread(d) / error(len(d))
        return mean(d) - half, mean(d) + half

    return solution


def _without_pairs(spread):
    def solution(ours, reference, t):
        middle = mean(ours) - mean(reference)
        half = t * spread(stdev(ours), stdev(reference)) / len(ours) ** 0.5
        return middle - half, middle + half

    return solution


def _middle_and_half(ours, reference, t):
    low, high = _interval()(ours, reference, t)
    return (low + high) / 2, (high - low) / 2


def _sorted_first(ours, reference, t):
    return _interval()(sorted(ours), sorted(reference), t)


def _in_place(ours, reference, t):
    for i, value in enumerate(reference):
        ours[i] -= value
    return _interval()(ours, [0.0] * len(ours), t)


def _count(enough):
    def solution(deviation, difference):
        seeds = 1
        while not enough(deviation, difference, seeds):
            seeds += 1
        return seeds

    return solution


def _judge(
    choose=lambda runs, rates: max(rates, key=lambda r: mean(x["val"] for x in runs if x["learning_rate"] == r)),
    pair=lambda run, i, reference: reference[run["seed"]],
    interval=lambda d, t: _interval()(d, [0.0] * len(d), t),
    used=None,
    split="test",
):
    def solution(runs, reference, t):
        rate = choose(runs, list(dict.fromkeys(run["learning_rate"] for run in runs)))
        those = [run for run in runs if run["learning_rate"] == rate or used == "all"]
        d = [run[split] - pair(run, i, reference) for i, run in enumerate(those)]
        return rate, *interval(d, t)

    return solution


def _by(value, pick=max, join=mean):
    return lambda runs, rates: pick(rates, key=lambda r: join(value(x) for x in runs if x["learning_rate"] == r))


WRONG = {
    "paired_interval": [
        (_without_pairs(lambda a, b: a + b), "Pair the seeds first"),
        (_without_pairs(lambda a, b: (a * a + b * b) ** 0.5), "Pair the seeds first"),
        (_without_pairs(lambda a, b: max(a, b)), "Pair the seeds first"),
        (_sorted_first, "by position"),
        (_interval(spread=pstdev), "divides by n − 1"),
        (_interval(error=lambda n: 1), "divided by √n"),
        (_interval(error=lambda n: n), "divided by √n"),
        (_interval(error=lambda n: (n - 1) ** 0.5), "divided by √n"),
        (_interval(spread=lambda d: stdev(d) ** 2), "root"),
        (_interval(difference=lambda a, b: b - a), "ours minus the reference"),
        (_interval(difference=lambda a, b: abs(a - b)), "keep the sign"),
        (_interval(difference=lambda a, b: 100 * (a - b) / b), "in points"),
        (_interval(spread=lambda d: (max(d) - min(d)) / 2), "standard deviation"),
        (lambda ours, reference, t: _interval()(ours, reference, 2.0), "the given t"),
        (lambda ours, reference, t: _interval()(ours, reference, t)[::-1], "lower end first"),
        (_middle_and_half, "both ends"),
        (lambda ours, reference, t: mean(ours) - mean(reference), "the answer has 2 entries"),
        (_in_place, "without a change of its arguments"),
    ],
    "false_alarms": [
        (lambda comparisons, level: comparisons * level, "misses the true value"),
        (lambda comparisons, level: 1 - level, "Twenty such intervals"),
        (lambda comparisons, level: 1 - level**comparisons, "on average"),
        (lambda comparisons, level: (1 - level) ** comparisons, "Twenty such intervals"),
        (lambda comparisons, level: 100 * comparisons * (1 - level), "a number of intervals"),
        (lambda comparisons, level: comparisons * 0.05, "Wider intervals miss less often"),
        (lambda comparisons, level: round(comparisons * (1 - level)), "on average"),
        (lambda comparisons, level: math.ceil(comparisons * (1 - level)), "on average"),
        (lambda comparisons, level: comparisons * (1 - level) / 2, "either side"),
        (lambda comparisons, level: (comparisons - 1) * (1 - level), "misses the true value"),
        (lambda comparisons, level: comparisons * (comparisons - 1) / 2 * (1 - level), "misses the true value"),
        (lambda comparisons, level: (1 - level) / comparisons if comparisons else 0.0, "Twenty such intervals"),
        (lambda comparisons, level: (1 - level) / max(1, comparisons), "Twenty such intervals"),
        (lambda comparisons, level: max(1, comparisons) * (1 - level), "no false alarm"),
    ],
    "seeds_needed": [
        (lambda deviation, difference: int((2 * deviation / difference) ** 2), "Two errors of one seed"),
        (lambda deviation, difference: math.ceil((2 * deviation / difference) ** 2), "not yet less"),
        (lambda deviation, difference: int((2 * deviation / difference) ** 2) + 2, "Two errors of one seed"),
        (_count(lambda s, d, n: 2 * s / n**0.5 <= d), "not yet less"),
        (_count(lambda s, d, n: s / n**0.5 < d), "Two standard errors"),
        (_count(lambda s, d, n: 2 * s / n < d), "the root of the seeds"),
        (_count(lambda s, d, n: 2 * s * s / n < d), "not the variance"),
        (_count(lambda s, d, n: 2 * s / n**0.5 < d / 2), "Two errors of one seed"),
        (_count(lambda s, d, n: n > 1 and 2 * s / n**0.5 < d), "Two errors of one seed"),
        (_count(lambda s, d, n: n > 1 and 2 * s / (n - 1) ** 0.5 < d), "Two errors of one seed"),
        (
            lambda deviation, difference: _count(lambda s, d, n: 2 * s / n**0.5 < d)(deviation, difference) - 1,
            "Two errors of one seed",
        ),
        (lambda deviation, difference: (2 * deviation / difference) ** 2, "a whole number"),
        (_count(lambda s, d, n: 1.96 * s / n**0.5 < d), "Two standard errors"),
        (_count(lambda s, d, n: 2 / n**0.5 < d), "standard deviation takes"),
        (lambda deviation, difference: 5, "Two errors of one seed"),
    ],
    "judge_row": [
        (_judge(choose=_by(lambda x: x["test"])), "test must not choose it"),
        (_judge(choose=_by(lambda x: x["val"] + x["test"])), "test must not choose it"),
        (_judge(choose=_by(lambda x: x["val"], join=max)), "not one run"),
        (_judge(choose=_by(lambda x: x["val"], pick=min)), "highest"),
        (_judge(choose=lambda runs, rates: rates[-1]), "Choose the rate on val"),
        (_judge(choose=lambda runs, rates: min(rates)), "Choose the rate on val"),
        (_judge(split="val"), "on test"),
        (_judge(used="all"), "the chosen rate alone"),
        (_judge(pair=lambda run, i, reference: list(reference.values())[i % len(reference)]), "match"),
        (_judge(pair=lambda run, i, reference: mean(reference.values())), "Pair by seed"),
        (_judge(pair=lambda run, i, reference: 2 * run["test"] - reference[run["seed"]]), "row minus reference"),
        (_judge(interval=lambda d, t: _interval(spread=pstdev)(d, [0.0] * len(d), t)), "divides by n − 1"),
        (_judge(interval=lambda d, t: _interval(error=lambda n: 1)(d, [0.0] * len(d), t)), "then divided by √n"),
        (lambda runs, reference, t: _judge()(runs, reference, t)[1:], "with the rate first"),
        (lambda runs, reference, t: _judge()(runs, reference, t)[0], "the answer has 3 entries"),
    ],
}

EXPECTED = {  # what the text says of the committed study
    "early": (93.0, 96.0),
    "baseline": (81.0, 86.0),
    "late": (86.0, 91.0),
    "full": (93.0, 96.0),
    "labels-paper": (85.0, 90.0),
    "norm-cell-unit": (68.0, 95.0),
    "norm-none": (96.0, 97.5),
    "runs": (105, 105),
}
