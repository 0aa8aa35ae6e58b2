"""What the study computes of its records: rates chosen, means over seeds, paired differences and their verdicts."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from lgn_lite.errors import InputError
from lgn_lite.training import selection

Record = dict[str, Any]  # of one run: row, seed, learning_rate, val, and a row of metrics for each test split


class Difference(NamedTuple):
    """How far a row is above another, in points, with the interval over the seeds that both have.

    `low` and `high` are NaN for fewer than two seeds, the mean too without any.
    """

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0  # NaN is neither

    @property
    def verdict(self) -> str:
        """No more than the interval says: "clearly more", "clearly less", "open", or why there is none.

        "open" is not "no difference": the study cannot decide.
        """
        if self.seeds < 2:
            return "one seed, no interval" if self.seeds else "no common seed"
        return "open" if not self.clear else "clearly more" if self.mean > 0 else "clearly less"

    @property
    def reach(self) -> float:
        """The largest difference, in either direction, that the interval does not exclude."""
        return max(abs(self.low), abs(self.high))

    def __str__(self) -> str:
        """`+4.8 [+1.7, +7.9]`; a single seed has no interval."""
        if not self.seeds:
            return "–"
        return points(self.mean) + ("" if self.seeds < 2 else f" [{points(self.low)}, {points(self.high)}]")


def points(value: float) -> str:
    """A difference in points with its sign; nothing is "-0.0"."""
    return f"{round(value, 1) + 0.0:+.1f}"


# of a row: the validation metrics of each rate that it has tried, as the study's file holds them
Tried = Mapping[str, Mapping[str, float]]


def best_rate(tried: Tried) -> float:
    """The rate with the highest R1@0.5 + R1@0.7 on the validation split; of equals the lowest rate."""
    scores = _by_rate(tried)
    return max(sorted(scores), key=lambda rate: selection(scores[rate]))


def grid_edge(tried: Tried) -> str:
    """On which side of the best rate the grid ends, so that the best one may lie beyond: "below", "above" or "both".

    Empty where rates on both sides have been tried and found worse: then the grid encloses the best one.
    """
    best, rates = best_rate(tried), sorted(map(float, tried))
    sides = [side for side, last in (("below", rates[0]), ("above", rates[-1])) if best == last]
    return "both" if len(sides) == 2 else "".join(sides)


def rate_table(rates: Mapping[str, Tried], labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """What each row could choose its learning rate from: R1@0.5 + R1@0.7 on the validation split for each rate.

    Args:
        rates: {row: {rate: validation metrics}}, as the study's file holds them.
        labels: what to call a row; by default its name.

    Returns:
        A line per row and a column per rate; the chosen one has a star. The last column, "beyond the grid", says where
        the best rate may lie outside what was tried, and is empty where the grid encloses it.
    """
    table, columns = {}, sorted({float(rate) for tried in rates.values() for rate in tried})
    for row, tried in rates.items():
        best, edge, scores = best_rate(tried), grid_edge(tried), _by_rate(tried)
        cells = {f"{rate:g}": "" for rate in columns}
        cells |= {f"{rate:g}": f"{selection(val):.1f}{'*' if rate == best else ''}" for rate, val in scores.items()}
        beyond = {"": "", "both": "one rate only"}.get(edge, f"perhaps {edge} {best:g}")
        table[(labels or {}).get(row, row)] = cells | {"beyond the grid": beyond}
    return pd.DataFrame(table).T


def _by_rate(tried: Tried) -> dict[float, Mapping[str, float]]:
    return {float(rate): val for rate, val in tried.items()}


def values(
    records: Iterable[Record],
    row: str,
    metric: str,
    split: str = "test",
    kind: str | None = None,
    length: str | None = None,
) -> dict[int, float]:
    """A metric of a row over the seeds.

    Args:
        records: of the runs.
        row: of the study.
        metric: "R1@0.5", ….
        split: of the data set.
        kind: of caption; None: all of them.
        length: of moment, instead of a kind; None: all of them.

    Returns:
        {seed: percent}; a run whose record lacks the split or the group is left out.

    Raises:
        InputError: if the row has two runs of one seed.
    """
    chosen = [record for record in records if record["row"] == row]
    if len({record["seed"] for record in chosen}) < len(chosen):
        raise InputError(f"row {row!r} has several runs of one seed: keep those at one learning rate")
    groups = {r["seed"]: _group(r.get(split, {}), kind, length) for r in chosen}
    return {seed: group[metric] for seed, group in groups.items() if metric in group}


def _group(of_split: Mapping[str, Any], kind: str | None, length: str | None) -> Mapping[str, float]:
    if kind is not None and length is not None:
        raise InputError(f"kind {kind!r} and length {length!r}: scores are grouped by one of them, give one")
    if kind is None and length is None:
        return of_split.get("all", {})
    return of_split.get("length" if kind is None else "kind", {}).get(length if kind is None else kind, {})


def mean_and_std(found: Mapping[int, float]) -> tuple[float, float]:
    """Mean and standard deviation (n − 1) over the seeds; that of a single seed is NaN."""
    numbers = list(found.values())
    if not numbers:
        return float("nan"), float("nan")
    return float(np.mean(numbers)), float(np.std(numbers, ddof=1)) if len(numbers) > 1 else float("nan")


def paired_difference(found: Mapping[int, float], reference: Mapping[int, float], level: float = 0.95) -> Difference:
    """How far a row is above another over the seeds that both have: (mean, low, high, seeds), in points.

    low and high are the ends of Student's interval of the paired differences, NaN for fewer than two seeds. A seed
    fixes the order of the queries in both rows, and both are evaluated on the same test queries. The interval is of
    seeds alone: other test queries, or another data set, are no part of it.

    Args:
        found, reference: {seed: percent} of the two rows.
        level: of the interval.

    Returns:
        The difference, whose `verdict` is what may be said of it.
    """
    shared = sorted(set(found) & set(reference))
    difference = np.array([found[seed] - reference[seed] for seed in shared])
    if len(shared) < 2:
        return Difference(float(difference[0]) if shared else math.nan, math.nan, math.nan, len(shared))
    mean, error = float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(shared)))
    half = float(stats.t.ppf(0.5 + level / 2, len(shared) - 1)) * error
    return Difference(mean, mean - half, mean + half, len(shared))


def plus_minus(mean: float, std: float) -> str:
    """Mean ± standard deviation as text; a single seed has none."""
    return f"{mean:.1f}" if np.isnan(std) else f"{mean:.1f} ± {std:.1f}"
