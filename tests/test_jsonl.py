"""Moment-DETR's jsonl: real annotations read as our own reader reads them, round trips, and one line for any damage."""

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import Query, read_charades_sta, read_tacos
from lgn_lite.errors import InputError
from lgn_lite.jsonl import Ranked, numbered, read_jsonl, read_predictions, write_jsonl, write_predictions

GOOD = {"qid": 7, "query": "a cat jumps", "vid": "v", "duration": 20.0, "relevant_windows": [[1.0, 4.0]]}
FOUND = {"qid": 7, "query": "a cat jumps", "vid": "v", "pred_relevant_windows": [[1.0, 4.0, 0.9], [2, 3, 0.5]]}


def lines(path, *rows):
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_charades_sta_is_what_our_own_reader_cleans(shared):
    theirs = read_jsonl(shared("data/jsonl/charades_test_release.jsonl"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = read_charades_sta(
            shared("data/charades-sta/charades_sta_test.txt"), shared("data/charades-sta/Charades_v1_test.csv")
        )
    assert len(theirs) == len(ours) == theirs.written == 3720
    facts = [[(q.video, q.sentence, q.start, q.end, q.duration) for q in queries] for queries in (theirs, ours)]
    assert facts[0] == facts[1]


def test_tacos_differs_by_the_ending_of_its_names_alone(shared):
    theirs = read_jsonl(shared("data/jsonl/tacos_val_release.jsonl"))
    ours = read_tacos(shared("data/tacos/val.json"))
    assert len(theirs) == len(ours) == 4436
    assert sorted((q.video + ".avi", q.sentence) for q in theirs) == sorted((q.video, q.sentence) for q in ours)


def test_qvhighlights_has_several_windows(shared):
    queries = read_jsonl(shared("data/qvhighlights/highlight_val_release.jsonl"))
    assert len(queries) == 1550 and {120.0, 150.0} <= {q.duration for q in queries}
    assert round(100 * sum(bool(q.others) for q in queries) / 1550) == 34
    assert queries[0].qid == 2579 and queries[0].windows == [(82.0, 150.0)]
    for query in queries:
        longest = max(end - start for start, end in query.windows)
        assert query.end - query.start == longest and query.windows == sorted(query.windows)


times = st.floats(0, 100, width=32)
windows = st.lists(st.tuples(times, times).filter(lambda w: w[0] < w[1]), min_size=1, max_size=4, unique=True)


@settings(deadline=None)
@given(
    st.lists(st.tuples(windows, st.text(min_size=1).filter(lambda s: s.strip())), min_size=1, max_size=4),
    st.sampled_from(["number", "text", "none"]),
)
def test_annotations_come_back_as_they_were_written(tmp_path_factory, found, kind):
    queries = []
    for i, (some, name) in enumerate(found):
        qid = {"number": 100 - i, "text": f"q{i}", "none": None}[kind]
        first, *others = sorted(some, key=lambda w: (w[0] - w[1], w))
        queries.append(Query(name, f"a cat {i}", *first, 100.0, "val", others=tuple(others), qid=qid))
    path = write_jsonl(queries, tmp_path_factory.mktemp("x") / "a.jsonl")
    read = read_jsonl(path, split="val")
    assert [q.qid for q in read] == list(numbered(queries))
    assert [(q.video, q.windows, (q.start, q.end)) for q in read] == [
        (q.video, q.windows, (q.start, q.end)) for q in queries
    ]


def test_windows_are_cleaned_one_by_one(tmp_path):
    path = lines(
        tmp_path / "a.jsonl",
        GOOD | {"relevant_windows": [[18, 25], [-1, 2], [5, 5], [30, 40]]},
        GOOD | {"qid": 8, "relevant_windows": [[21, 22]]},
    )
    with pytest.warns(UserWarning, match=r"1 ends past .* 1 starts below 0 .* 3 pairs dropped .*1 pairs kept"):
        (query,) = read_jsonl(path)
    assert query.windows == [(0, 2), (18, 20)] and (query.start, query.end) == (0, 2)  # of equal ones the first


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"qid": None}, "qid is None; it must be a whole number or a text"),
        ({"qid": 1.5}, "qid is 1.5; it must be"),
        ({"qid": True}, "qid is True; it must be"),
        ({"query": ""}, "query is '', not a text"),
        ({"query": 3}, "query is 3, not a text"),
        ({"vid": None}, "vid is None, not a text"),
        ({"duration": None}, "duration is None, not a number"),
        ({"duration": "20"}, "duration is '20', not a number but a text: remove the quotes"),
        ({"duration": 0}, "has a duration of 0 s"),
        ({"relevant_windows": None}, "relevant_windows is None; write [[start, end], …]"),
        ({"relevant_windows": []}, "relevant_windows is empty"),
        ({"relevant_windows": [1.0, 4.0]}, "relevant_windows, number 1: 1.0 is not [start, end]"),
        ({"relevant_windows": [[1, 4], [5]]}, "relevant_windows, number 2: [5] is not [start, end]"),
        ({"relevant_windows": [[1, "4"]]}, "relevant_windows, number 1: end is '4', not a number but a text"),
        ({"relevant_windows": [[1, 1e9]]}, "no video is longer than"),
    ],
)
def test_damaged_annotations_are_refused_in_a_line(tmp_path, damage, said):
    path = lines(tmp_path / "a.jsonl", GOOD | {"qid": 1}, "\n", GOOD | damage)
    with pytest.raises(InputError) as refused:
        read_jsonl(path)
    assert str(refused.value).startswith(f"{path}:3") and said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"qid": 7, "query"', ":2: not json"),
        ("[1, 2]\n", ":2: must hold an object {…}, not a list; one object per line"),
        ('{"qid": 7, "qid": 7}\n', "'qid' is there twice"),
        ('{"qid": NaN}\n', "NaN is not a number that json knows"),
        ("\x00\x01", ":2: not json"),
    ],
)
@pytest.mark.parametrize("read", [read_jsonl, lambda path: read_predictions(path, {7: None})])
def test_damaged_lines_are_refused_in_a_line(tmp_path, read, text, said):
    path = lines(tmp_path / "a.jsonl", "\n", text)
    with pytest.raises(InputError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}:2") and said in str(refused.value)


def test_a_qid_is_there_once(tmp_path):
    with pytest.raises(InputError, match=r"a.jsonl:2: qid 7 is at .*a.jsonl:1 too"):
        read_jsonl(lines(tmp_path / "a.jsonl", GOOD, GOOD))
    with pytest.raises(InputError, match=r"p.jsonl:2: qid 7 is there twice"):
        read_predictions(lines(tmp_path / "p.jsonl", FOUND, FOUND), numbered([Query("v", "a", 0, 1, 20, qid=7)]))
    with pytest.raises(InputError, match="2 queries, but 1 different qids"):
        numbered([Query("v", "a", 0, 1, 20, qid=7), Query("v", "b", 0, 1, 20)])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"qid": 8}, "qid 8 is not among the annotations"),
        ({"qid": "7"}, "qid '7' is not among the annotations"),
        ({"vid": "w"}, "qid 7 is of video 'w', the annotations have 'v'"),
        ({"pred_relevant_windows": [[1, 4]]}, "number 1: [1, 4] is not [start, end, score]"),
        ({"pred_relevant_windows": [1, 4, 0.5]}, "number 1: 1 is not [start, end, score]"),
        ({"pred_relevant_windows": {"a": 1}}, "pred_relevant_windows is {'a': 1}; write [[start, end, score], …]"),
        ({"pred_relevant_windows": [[1, 4, None]]}, "number 1: score is None"),
        ({"pred_relevant_windows": [[1, 2, 0.5], [4, 1, 0.5]]}, "window 2 ends at 1 s, before it starts at 4 s"),
    ],
)
def test_damaged_predictions_are_refused_in_a_line(tmp_path, damage, said):
    queries = numbered([Query("v", "a cat jumps", 1, 4, 20.0, qid=7)])
    path = lines(tmp_path / "p.jsonl", FOUND | damage)
    with pytest.raises(InputError) as refused:
        read_predictions(path, queries)
    assert str(refused.value).startswith(f"{path}:1: ") and said in str(refused.value)


def test_a_missing_key_is_named_with_what_is_there(tmp_path):
    row = {"qid": 7, "windows": [[1, 4]]}
    with pytest.raises(InputError, match=r"pred_relevant_windows is missing \(the line has 'qid', 'windows'\)"):
        read_predictions(lines(tmp_path / "p.jsonl", row), numbered([Query("v", "a", 1, 4, 20.0, qid=7)]))


def test_predictions_come_back_and_a_query_may_have_none(tmp_path):
    queries = [Query("v", "a cat", 1, 4, 20.0), Query("w", "a dog", 2, 3, 9.0)]
    ranked = [Ranked([(1.0, 4.0), (0.1, 0.3)], [0.9, 0.25]), Ranked([], [])]
    path = write_predictions(queries, ranked, tmp_path / "p.jsonl")
    assert list(read_predictions(path, numbered(queries)).values()) == ranked
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    assert list(read_predictions(path, numbered(queries)).values()) == ranked


def test_scores_that_rise_are_said(tmp_path):
    path = lines(tmp_path / "p.jsonl", FOUND | {"pred_relevant_windows": [[1, 2, 0.1], [3, 4, 0.8]]})
    with pytest.warns(UserWarning, match="1 lines have windows that are not ordered by score"):
        found = read_predictions(path, numbered([Query("v", "a", 1, 4, 20.0, qid=7)]))
    assert found[7].windows == [(1, 2), (3, 4)]


def test_nothing_half_written_stays(tmp_path):
    (tmp_path / "a.jsonl").write_text("before", encoding="utf-8")
    with pytest.raises(ValueError, match="JSON"):
        write_jsonl([Query("v", "a", 0, float("nan"), 20.0)], tmp_path / "a.jsonl")
    assert [(p.name, p.read_text(encoding="utf-8")) for p in tmp_path.iterdir()] == [("a.jsonl", "before")]
