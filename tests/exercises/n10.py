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

EXPECTED = {  # what the text says of the committed study
    "early_tuned": (85.0, 87.0),
    "baseline_tuned": (74.0, 78.0),
    "late_tuned": (69.0, 74.0),
    "full_tuned": (82.0, 86.0),
    "labels-paper": (68.0, 75.0),
    "norm-cell-unit": (20.0, 65.0),
    "runs": (75, 75),
}
