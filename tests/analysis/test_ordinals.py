"""Rules by position for sentences that count: by hand, and on a drawn data set."""

import numpy as np
import pytest

from lgn_lite.analysis.mistakes import scene_of
from lgn_lite.analysis.ordinals import BY_WORD, COUNTING, LAST, MIDDLE, OUTER, occurrences, ordinal_rules
from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.toy.world import Event, Scene

THREE = [(0, 4), (10, 14), (30, 34)]  # of 40 s: middles 0.05, 0.3, 0.8
TAGS = {"figure": "red circle", "activity": "flag"}


def asked(ordinal: str, span: tuple[float, float], video: str = "a") -> Query:
    return Query(
        video, f"The red circle holds a flag for the {ordinal} time.", *span, 40.0, tags={**TAGS, "ordinal": ordinal}
    )


def test_each_rule_picks_what_its_name_says():
    one = [asked("second", (10, 14))]
    table = ordinal_rules(one, [THREE])
    right = set(table.index[table["R1@0.5"] == 100])
    assert right == {"always the second", MIDDLE, COUNTING}
    assert set(table.index) - right == {"always the first", "always the third", LAST, OUTER}
    assert (table["R1@0.5"][[LAST, OUTER]] == 0).all()
    assert table["chance"].to_numpy() == pytest.approx(100 / 3)
    outer = ordinal_rules([asked("first", (0, 4))], [THREE])
    assert outer["R1@0.5"][OUTER] == 100  # 0.05 is farther from the middle than 0.8


def test_where_there_are_fewer_the_last_is_taken():
    table = ordinal_rules([asked("third", (30, 34)), asked("last", (10, 14), "b")], [THREE, THREE[:2]])
    assert table["R1@0.5"]["always the third"] == 100
    assert table["R1@0.5"][COUNTING] == 100 == table["R1@0.5"][LAST]
    assert table["chance"][LAST] == pytest.approx(100 * (1 / 3 + 1 / 2) / 2)
    assert table["above chance"][LAST] == pytest.approx(100 - 100 * 5 / 12)


def test_moments_that_overlap_count_by_their_iou():
    nested = [(0, 10), (1, 9), (20, 30)]
    table = ordinal_rules([asked("first", (0, 10))], [nested])
    assert table["R1@0.5"]["always the second"] == 100  # 8 of 10 s
    assert table["chance"][LAST] == pytest.approx(200 / 3)
    strict = ordinal_rules([asked("first", (0, 10))], [nested], threshold=0.8)
    assert strict["R1@0.8"]["always the second"] == 0  # an IoU of exactly 0.8


def test_the_interval_is_over_videos():
    videos = [asked("first", (0, 4), f"v{i}") for i in range(12)]
    copies = [asked("first", (0, 4), f"v{i % 4}") for i in range(12)]
    moments = [THREE if i % 2 else THREE[1:] for i in range(12)]  # right in the videos of an odd number
    wide, narrow = (ordinal_rules(queries, moments).loc["always the first"] for queries in (copies, videos))
    assert wide["low"] < narrow["low"] < narrow["above chance"] < narrow["high"] < wide["high"]
    assert np.isnan(ordinal_rules(videos[:1], moments[:1])["low"]).all()  # one video has no interval


def test_an_ordinal_s_usual_position_comes_from_other_queries():
    train = [asked("first", (0, 4)), asked("last", (10, 14))] * 3, [THREE] * 6
    table = ordinal_rules(
        [asked("first", (0, 4)), asked("last", (10, 14)), asked("second", (0, 4))], [THREE] * 3, train
    )
    assert table["R1@0.5"][BY_WORD] == pytest.approx(200 / 3)  # "second" never came: nearest to the middle
    assert BY_WORD not in ordinal_rules([asked("first", (0, 4))], [THREE]).index
    assert BY_WORD not in ordinal_rules([asked("first", (0, 4))], [THREE], train=([], [])).index


@pytest.mark.parametrize(
    "queries, moments, told",
    [
        ([], [], "each query needs some"),
        ([asked("first", (0, 4))], [[]], "each query needs some"),
        ([asked("first", (0, 4))], [THREE, THREE], "each query needs some"),
        ([asked("umpteenth", (0, 4))], [THREE], "'umpteenth' is unknown"),
        ([Query("a", "The red circle jumps.", 0, 4, 40.0)], [THREE], "is unknown"),
    ],
)
def test_what_cannot_be_ranked_is_refused(queries, moments, told):
    with pytest.raises(InputError, match=told):
        ordinal_rules(queries, moments)


def test_occurrences_are_of_the_same_figure_and_activity():
    events = [Event(0, "flag", 20, 24), Event(1, "flag", 8, 12), Event(0, "hat", 14, 18), Event(0, "flag", 2, 6)]
    scene = Scene("toy-test-0000", "test", 40.0, [("red", "circle"), ("red", "star")], events)
    assert occurrences(asked("first", (2, 6)), scene) == [(2, 6), (20, 24)]
    nobody = Scene("toy-test-0000", "test", 40.0, [("blue", "circle")], events[:1])
    with pytest.raises(InputError, match="nothing there"):
        occurrences(asked("first", (2, 6)), nobody)


def test_counting_is_always_right_where_the_drawn_data_ask_for_nothing_else(tiny_toy):
    queries = [query for query in tiny_toy.queries("train") if query.tags["kind"] == "ordinal"]
    moments = [occurrences(query, scene_of(query, tiny_toy.folder)) for query in queries]
    table = ordinal_rules(queries, moments)
    assert table["R1@0.5"][COUNTING] == 100
    assert (table["low"] <= table["above chance"]).all() and table["chance"].nunique() == 1
