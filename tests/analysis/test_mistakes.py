"""The taxonomy of mistakes, on hand-made predictions and on every query of a drawn data set."""

import pytest

from lgn_lite.analysis.mistakes import CONTENTS, TIMINGS, content_of, scene_of, timing_of
from lgn_lite.annotations import Query
from lgn_lite.errors import InputError
from lgn_lite.toy.world import Event, Scene


@pytest.mark.parametrize(
    ("prediction", "timing"),
    [
        ((10, 14), "hit"),
        ((10, 13), "hit"),
        ((10, 12), "too short"),  # an IoU of exactly one half is no hit
        ((8, 20), "too long"),
        ((11, 12), "too short"),
        ((12, 18), "shifted"),
        ((6, 12), "shifted"),
        ((14, 18), "elsewhere"),  # touching shares nothing
        ((0, 3), "elsewhere"),
    ],
)
def test_timings(prediction, timing):
    assert timing_of(prediction, (10, 14)) == timing
    assert timing in TIMINGS


def test_another_threshold_makes_other_hits():
    assert timing_of((10, 13), (10, 14), threshold=0.8) == "too short"
    assert timing_of((9, 16), (10, 14), threshold=0.7) == "too long"


RED, BLUE = ("red", "circle"), ("blue", "star")
EVENTS = [Event(0, "flag", 2, 6), Event(1, "flag", 8, 12), Event(0, "hat", 14, 18), Event(0, "flag", 20, 24)]
EVENTS += [Event(1, "drum", 26, 30), Event(0, "jump", 29, 33)]
SCENE = Scene("toy-test-0000", "test", 40.0, [RED, BLUE], EVENTS)
QUERY = Query(
    "toy-test-0000", "…", 2, 6, 40.0, "test", {"kind": "attribute", "figure": "red circle", "activity": "flag"}
)


@pytest.mark.parametrize(
    ("prediction", "content"),
    [
        ((2, 6), "hit"),
        ((4, 7), "right event, wrong borders"),
        ((19, 24), "same pair at another time"),
        ((8, 11), "another figure does it"),
        ((14, 19), "the figure does something else"),
        ((25, 28), "another figure, something else"),
        ((28.5, 31), "the figure does something else"),  # two seconds of it against one and a half
        ((34, 39), "no event"),
        ((6, 8), "no event"),
    ],
)
def test_contents(prediction, content):
    assert content_of(prediction, QUERY, SCENE) == content
    assert content in CONTENTS


@pytest.mark.parametrize(
    ("prediction", "content"),
    [
        ((14, 32), "hit"),
        ((19, 33), "hit"),
        ((14, 18), "one of its two events"),
        ((29, 33), "one of its two events"),
        ((24, 40), "right event, wrong borders"),  # more of the moment than of any event
        ((20, 24), "the figure does something else"),  # between the two, within the moment
        ((8, 12), "another figure, something else"),
    ],
)
def test_contents_of_a_moment_that_two_events_make(prediction, content):
    tags = {"kind": "sequence", "figure": "red circle", "activity": "hat"}
    tags |= {"relation": "then", "other_figure": "red circle", "other_activity": "jump"}
    query = Query("toy-test-0000", "…", 14, 33, 40.0, "test", tags)
    assert content_of(prediction, query, SCENE) == content


def test_every_toy_query_is_a_hit_on_its_own_moment_and_its_scene_is_found(tiny_toy):
    for split in ("test", "test-composition"):
        for query in tiny_toy.queries(split):
            scene = scene_of(query, tiny_toy.folder)
            assert scene.duration == pytest.approx(query.duration)
            assert content_of((query.start, query.end), query, scene) == "hit"
            for event in scene.events:  # another event is never the right one
                if (event.start, event.end) != (query.start, query.end):
                    found = content_of((event.start, event.end), query, scene)
                    assert found not in ("no event", "right event, wrong borders")


def test_other_data_sets_are_refused(tiny_toy, tmp_path, queries):
    with pytest.raises(InputError, match=r"toy_sta\.json: says nothing about the video 'v0'"):
        scene_of(queries[0], tmp_path)
    with pytest.raises(InputError, match="says nothing about the video 'v0'"):
        scene_of(queries[0], tiny_toy.folder)
    moved = Query("toy-test-0000", "x", 1.23, 2.34, 30.0)
    with pytest.raises(InputError, match=r"has no moment from 1\.23 to 2\.34 s"):
        scene_of(moved, tiny_toy.folder)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 10**5,
        "{}",
        '{"seed": "0", "num_figures": 2}',
        '{"seed": true, "num_figures": 2}',
        '{"seed": -1, "num_figures": 2}',
        '{"seed": 0, "num_figures": 1e12}',
        '{"seed": NaN, "num_figures": 2}',
        '{"seed": 0, "seed": 1, "num_figures": 2}',
    ],
    ids=lambda text: text[:40],
)
def test_damaged_notes_of_a_drawn_set_are_one_line(tmp_path, content):
    (tmp_path / "toy_sta.json").write_text(content, encoding="utf-8")
    query = Query("toy-test-0000", "x", 1.0, 2.0, 30.0)
    with pytest.raises(InputError, match=r"toy_sta\.json: says nothing about the video 'toy-test-0000'") as error:
        scene_of(query, tmp_path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize("video", ["toy-test-1_0", "toy-test-１", "toy-nothing-0001", "toy-test-" + "9" * 5000, "x\ny"])
def test_a_name_that_no_drawn_video_has_is_one_line(tiny_toy, video):
    with pytest.raises(InputError, match="says nothing about the video") as error:
        scene_of(Query(video, "x", 1.0, 2.0, 30.0), tiny_toy.folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
