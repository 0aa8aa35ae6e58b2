"""What the tests know of 10_ablations: a wrong answer to each exercise, and its key numbers."""

from statistics import pstdev


def _without_pairs(ours, reference, t):
    mean = sum(ours) / len(ours) - sum(reference) / len(reference)
    half = t * (pstdev(ours) + pstdev(reference)) / len(ours) ** 0.5
    return mean - half, mean + half


WRONG = {
    "paired_interval": _without_pairs,
    "false_alarms": lambda comparisons, level: comparisons * level,
    "seeds_needed": lambda deviation, difference: int((2 * deviation / difference) ** 2),
}

EXPECTED = {}
