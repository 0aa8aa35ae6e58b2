"""The statistics of the study: verdicts that say no more than the interval, and rates at the edge of their grid."""

import math

import pytest

from lgn_lite.errors import InputError
from lgn_lite.study.statistics import (
    Difference,
    best_rate,
    grid_edge,
    paired_difference,
    points,
    rate_table,
    values,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("difference", "verdict", "clear", "text"),
    [
        (Difference(4.8, 1.7, 7.9, 5), "clearly more", True, "+4.8 [+1.7, +7.9]"),
        (Difference(-4.8, -7.9, -1.7, 5), "clearly less", True, "-4.8 [-7.9, -1.7]"),
        (Difference(-0.04, -3.8, 3.4, 5), "open", False, "+0.0 [-3.8, +3.4]"),
        (Difference(2.0, 0.0, 4.0, 3), "open", False, "+2.0 [+0.0, +4.0]"),
        (Difference(30.0, -1.0, 61.0, 2), "open", False, "+30.0 [-1.0, +61.0]"),  # however large the mean
        (Difference(9.0, NAN, NAN, 1), "one seed, no interval", False, "+9.0"),
        (Difference(NAN, NAN, NAN, 0), "no common seed", False, "–"),
    ],
)
def test_a_verdict_says_no_more_than_the_interval(difference, verdict, clear, text):
    assert (difference.verdict, difference.clear, str(difference)) == (verdict, clear, text)


def test_a_paired_difference_carries_its_verdict():
    found = paired_difference({0: 64.0, 1: 66.5, 2: 62.0}, {0: 60.0, 1: 61.5, 2: 59.5})
    assert found.verdict == "clearly more" and found.seeds == 3
    assert found.reach == pytest.approx(found.high) and found[:3] == (found.mean, found.low, found.high)
    assert paired_difference({0: 64.0, 1: 60.0}, {0: 60.0, 1: 61.5}).verdict == "open"
    assert paired_difference({0: 1.0}, {1: 1.0}).verdict == "no common seed"


def test_points_have_a_sign_and_nothing_is_minus_zero():
    assert [points(value) for value in (3.14, -2.0, -0.01, 0.0)] == ["+3.1", "-2.0", "+0.0", "+0.0"]


def rates(*pairs):
    return {f"{rate:g}": {"R1@0.5": score, "R1@0.7": 1.0} for rate, score in pairs}


@pytest.mark.parametrize(
    ("scores", "best", "edge"),
    [
        ([(0.001, 50), (0.002, 60), (0.004, 55)], 0.002, ""),
        ([(0.001, 50), (0.002, 60), (0.004, 65)], 0.004, "above"),
        ([(0.004, 50), (0.001, 70), (0.002, 60)], 0.001, "below"),
        ([(0.002, 60)], 0.002, "both"),
        ([(0.002, 60), (0.001, 60)], 0.001, "below"),  # of equals the lowest
        ([(0.0005, 1), (0.01, 3), (0.002, 2)], 0.01, "above"),  # as numbers, not as texts
    ],
)
def test_a_rate_at_the_edge_of_its_grid_is_seen(scores, best, edge):
    assert (best_rate(rates(*scores)), grid_edge(rates(*scores))) == (best, edge)


def test_the_table_of_rates_flags_its_edges():
    table = rate_table(
        {"a": rates((0.001, 50), (0.002, 60), (0.004, 55)), "b": rates((0.002, 60), (0.008, 65))}, {"a": "row a"}
    )
    assert list(table.columns) == ["0.001", "0.002", "0.004", "0.008", "beyond the grid"]
    assert table.loc["row a"].tolist() == ["51.0", "61.0*", "56.0", "", ""]
    assert table.loc["b"].tolist() == ["", "61.0", "", "66.0*", "perhaps above 0.008"]
    assert rate_table({"a": rates((0.002, 1))}).loc["a", "beyond the grid"] == "one rate only"


def test_values_are_grouped_by_kind_or_by_length():
    groups = {"kind": {"while": {"R1@0.5": 40.0}}, "length": {"< 4 s": {"R1@0.5": 30.0}}}
    records = [{"row": "full", "seed": seed, "test": {"all": {"R1@0.5": 50.0 + seed}} | groups} for seed in (0, 1)]
    del records[1]["test"]["length"]
    assert values(records, "full", "R1@0.5") == {0: 50.0, 1: 51.0}
    assert values(records, "full", "R1@0.5", kind="while") == {0: 40.0, 1: 40.0}
    assert values(records, "full", "R1@0.5", length="< 4 s") == {0: 30.0}
    assert values(records, "full", "R1@0.5", "test-words") == values(records, "full", "R1@0.5", kind="until") == {}
    with pytest.raises(InputError, match="give one"):
        values(records, "full", "R1@0.5", kind="while", length="< 4 s")
