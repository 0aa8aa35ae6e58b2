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
    "early": (93.0, 96.0),
    "baseline": (81.0, 86.0),
    "late": (86.0, 91.0),
    "full": (93.0, 96.0),
    "labels-paper": (85.0, 90.0),
    "norm-cell-unit": (68.0, 95.0),
    "norm-none": (96.0, 97.5),
    "runs": (105, 105),
}
