"""What the study computes of its records: rates chosen, means over seeds, paired differences."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from lgn_lite.errors import InputError
from lgn_lite.training import selection

Record = dict[str, Any]  # of one run: row, seed, learning_rate, val, and a row of metrics for each test split


def choose_learning_rate(records: Iterable[Record], row: str) -> float:
    """The learning rate with the highest R1@0.5 + R1@0.7 on the validation split, among the runs of a row's first seed.

    Never by a test split. Raises InputError if the row has no run.
    """
    runs = [record for record in records if record["row"] == row]
    if not runs:
        raise InputError(f"no run of row {row!r}: train it first")
    first = min(record["seed"] for record in runs)
    return max((r for r in runs if r["seed"] == first), key=lambda r: selection(r["val"]))["learning_rate"]


def values(
    records: Iterable[Record], row: str, metric: str, split: str = "test", kind: str | None = None
) -> dict[int, float]:
    """A metric of a row over the seeds.

    Args:
        records: of the runs.
        row: of the study.
        metric: "R1@0.5", ….
        split: of the data set.
        kind: of caption; None: all queries of the split.

    Returns:
        {seed: percent}

    Raises:
        InputError: if the row has two runs of one seed.
    """
    chosen = [record for record in records if record["row"] == row]
    if len({record["seed"] for record in chosen}) < len(chosen):
        raise InputError(f"row {row!r} has several runs of one seed: keep those at one learning rate")
    if kind is not None:
        chosen = [record for record in chosen if kind in record[split].get("kind", {})]
    return {r["seed"]: (r[split]["all"] if kind is None else r[split]["kind"][kind])[metric] for r in chosen}


def mean_and_std(found: Mapping[int, float]) -> tuple[float, float]:
    """Mean and standard deviation (n − 1) over the seeds; that of a single seed is NaN."""
    numbers = list(found.values())
    if not numbers:
        return float("nan"), float("nan")
    return float(np.mean(numbers)), float(np.std(numbers, ddof=1)) if len(numbers) > 1 else float("nan")


def paired_difference(
    found: Mapping[int, float], reference: Mapping[int, float], level: float = 0.95
) -> tuple[float, float, float, int]:
    """How far a row is above another over the seeds that both have: (mean, low, high, seeds), in points.

    low and high are the ends of Student's interval of the paired differences, NaN for fewer than two seeds. A seed
    fixes the order of the queries in both rows, and both are evaluated on the same test queries.
    """
    shared = sorted(set(found) & set(reference))
    difference = np.array([found[seed] - reference[seed] for seed in shared])
    if len(shared) < 2:
        return (float(difference[0]) if shared else float("nan")), float("nan"), float("nan"), len(shared)
    mean, error = float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(shared)))
    half = float(stats.t.ppf(0.5 + level / 2, len(shared) - 1)) * error
    return mean, mean - half, mean + half, len(shared)


def plus_minus(mean: float, std: float) -> str:
    """Mean ± standard deviation as text; a single seed has none."""
    return f"{mean:.1f}" if np.isnan(std) else f"{mean:.1f} ± {std:.1f}"
