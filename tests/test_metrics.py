"""Metrics: NMS and recall against their definitions and 2D-TAN's numbers; what adds up; constant predictions."""

import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.annotations import read_charades_sta
from lgn_lite.errors import InputError
from lgn_lite.metrics import (
    best_constant_interval,
    discounted_recall,
    first_predictions,
    length_bin,
    mean_iou,
    recall,
    summarise,
    temporal_nms,
)
from lgn_lite.moments import interval_iou

quick = settings(max_examples=50, deadline=None)
# whole and half seconds: many equal segments, equal overlaps, and segments of no length
segment = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda s: [min(s) / 2, max(s) / 2])
segment_lists = st.lists(segment, min_size=1, max_size=60)
thresholds = st.sampled_from([0.0, 0.2, 0.25, 0.4, 0.45, 0.5, 1.0])


def loop_nms(segments: torch.Tensor, threshold: float, keep: int) -> list[int]:
    kept: list[int] = []
    for i, segment in enumerate(segments):
        if all(interval_iou(segment, segments[j]) <= threshold for j in kept):
            kept.append(i)
    return kept[:keep]


@pytest.fixture
def ranking(shared):
    with np.load(shared("golden/ranking.npz")) as golden:
        return dict(golden)


@quick
@given(segment_lists, thresholds, st.integers(1, 6))
def test_nms_is_the_naive_loop(segments, threshold, keep):
    segments = torch.tensor(segments, dtype=torch.float64)
    assert temporal_nms(segments, threshold, keep).tolist() == loop_nms(segments, threshold, keep)


@quick
@given(segment_lists, thresholds, st.integers(1, 6), st.floats(0.1, 300))
def test_nms_of_all_queries_is_that_of_each(segments, threshold, keep, unit):
    queries = unit * torch.tensor([segments, segments[::-1]], dtype=torch.float64)
    together = first_predictions(queries, torch.zeros(2, 2), keep, threshold)
    assert torch.equal(together, first_predictions(list(queries), torch.zeros(2, 2), keep, threshold))


def test_nms_looks_on_until_enough_are_kept():
    # 300 near copies of the best prediction before the next different one
    segments = torch.tensor([[0.0, 10.0]] * 300 + [[20.0, 30.0]])
    assert temporal_nms(segments, 0.45, 5).tolist() == [0, 300]
    near = torch.stack([segments.repeat(2, 1), segments.flip(0).repeat(2, 1)])  # beyond the first 320
    near[0, 300] = near[0, 0]
    kept = first_predictions(near, torch.zeros(2, 2), 5, 0.45)
    assert kept[:, :3].tolist() == [[[0, 10], [20, 30], [0, 0]], [[20, 30], [0, 10], [0, 0]]]


def test_an_overlap_of_exactly_the_threshold_survives():
    segments = torch.tensor([[0.0, 5.0], [0.0, 2.0]])  # 2/5, which float32 takes for more than 0.4
    assert temporal_nms(segments, 0.4, 5).tolist() == [0, 1]
    assert temporal_nms(segments, 0.39, 5).tolist() == [0]
    assert first_predictions(segments[None], torch.zeros(1, 2), 2, 0.4).tolist() == [[[0, 5], [0, 2]]]
    assert first_predictions(segments[None], torch.zeros(1, 2), 2, 0.39).tolist() == [[[0, 5], [0, 0]]]


def test_nms_is_that_of_2d_tan(ranking):
    for q, segments in enumerate(torch.from_numpy(ranking["segments"])):
        if f"keep_{q}" in ranking:
            kept = segments[temporal_nms(segments, 0.45, 5)]
            np.testing.assert_array_equal(kept.numpy(), ranking[f"keep_{q}"])
    assert "keep_0" in ranking


@pytest.mark.parametrize("nms", ["0.4", "0.45", "0.5"])
def test_recall_is_that_of_2d_tan(ranking, nms):
    expected = json.loads(str(ranking["recall"]))["recall"][nms]
    ours = recall(
        torch.from_numpy(ranking["segments"]),
        torch.from_numpy(ranking["targets"]),
        ks=(1, 5),
        thresholds=(0.1, 0.3, 0.5, 0.7),
        nms=float(nms),
    )
    for i, m in enumerate((0.1, 0.3, 0.5, 0.7)):
        for j, k in enumerate((1, 5)):
            assert ours[k, m] == pytest.approx(100 * expected[i][j])


@pytest.mark.parametrize("m", [0.3, 0.4, 0.5, 0.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_overlap_of_exactly_m_is_no_hit(m, dtype):
    target, prediction = torch.tensor([[0, 10]], dtype=dtype), torch.tensor([[[0, 10 * m]]], dtype=dtype)
    prediction = prediction.round()  # 3, 4, 5, 7: exact in float32 too
    assert recall(prediction, target, [1], [m]) == {(1, m): 0}
    assert recall(prediction + torch.tensor([0, 0.01]), target, [1], [m]) == {(1, m): 100}


@quick
@given(st.lists(st.tuples(segment_lists, segment), min_size=1, max_size=5), st.none() | thresholds)
def test_recall_is_its_definition(queries, nms):
    predictions = [torch.tensor(segments, dtype=torch.float64) for segments, _ in queries]
    targets = torch.tensor([target for _, target in queries], dtype=torch.float64)
    ours = recall(predictions, targets, ks=(1, 3), thresholds=(0.25, 0.5), nms=nms)
    longest = max(map(len, predictions))  # all queries at once: what fills up comes after all others
    padded = torch.stack([torch.cat([p, p[-1:].expand(longest - len(p), 2)]) for p in predictions])
    together = recall(padded, targets, ks=(1, 3), thresholds=(0.25, 0.5), nms=nms)
    one_by_one = recall(list(padded), targets, ks=(1, 3), thresholds=(0.25, 0.5), nms=nms)
    assert together == one_by_one
    for (k, m), percent in ours.items():
        hits = 0
        for segments, target in zip(predictions, targets, strict=True):
            order = range(len(segments)) if nms is None else loop_nms(segments, nms, k)
            hits += any(interval_iou(segments[i], target) > m for i in list(order)[:k])
        assert percent == pytest.approx(100 * hits / len(queries))


def test_discounted_recall_by_hand():
    # a video of 20 s, the target 4 to 10 s; the first prediction is off by 0 and 2 s, the second by 1 and 0 s
    target, duration = torch.tensor([[4.0, 10.0]]), torch.tensor([20.0])
    predictions = torch.tensor([[[4.0, 12.0], [3.0, 10.0], [4.0, 10.0]]])  # IoU 6/8, 6/7, 1
    found = discounted_recall(predictions, target, duration, ks=(1, 2, 3), thresholds=(0.7, 0.8))
    assert found == {
        (1, 0.7): pytest.approx(100 * 1 * 0.9),
        (1, 0.8): 0,  # no hit
        (2, 0.7): pytest.approx(100 * 0.95 * 1),  # the better of two hits
        (2, 0.8): pytest.approx(100 * 0.95 * 1),
        (3, 0.7): 100,
        (3, 0.8): 100,
    }
    both = discounted_recall(
        [predictions[0], predictions[0, 1:]], target.expand(2, 2), torch.tensor([20.0, 10]), [1], [0.8]
    )
    assert both[1, 0.8] == pytest.approx(100 * (0 + 0.9) / 2)
    early = torch.tensor([[[-30.0, 10.0]]])  # before the video, off by more than all of it: no negative weight
    assert discounted_recall(early, target, duration, [1], [0.1]) == {(1, 0.1): 0}


@quick
@given(st.lists(st.tuples(segment_lists, segment), min_size=1, max_size=5), st.none() | thresholds)
def test_a_hit_never_counts_more_than_one(queries, nms):
    predictions = [torch.tensor(segments, dtype=torch.float64) for segments, _ in queries]
    targets = torch.tensor([target for _, target in queries], dtype=torch.float64)
    durations = torch.full((len(queries),), 6.0)
    settings = {"ks": (1, 3), "thresholds": (0.0, 0.5), "nms": nms}
    plain, weighed = (
        recall(predictions, targets, **settings),
        discounted_recall(predictions, targets, durations, **settings),
    )
    assert weighed.keys() == plain.keys()
    for place, percent in weighed.items():
        assert 0 <= percent <= plain[place] + 1e-9
    perfect = targets[:, None]
    assert discounted_recall(perfect, targets, durations, **settings) == recall(perfect, targets, **settings)


@pytest.mark.parametrize("durations", [[10.0], [10.0, 0.0], [10.0, float("nan")]])
def test_every_query_needs_the_length_of_its_video(durations):
    with pytest.raises(InputError, match="2 targets need as many durations, all above 0"):
        discounted_recall(torch.zeros(2, 1, 2), torch.zeros(2, 2), torch.tensor(durations), [1], [0.5])


def test_a_tensor_and_a_list_of_unequal_length_give_the_same():
    tensor = torch.tensor([[[0.0, 5], [5, 9]], [[2, 4], [0, 9]]])
    short = [tensor[0, :1].numpy(), tensor[1]]  # the second prediction of the first query is missing
    targets = torch.tensor([[0.0, 5], [0, 9]])
    assert (
        recall(tensor, targets, [1, 2], [0.5])
        == recall(short, targets, [1, 2], [0.5])
        == {
            (1, 0.5): 50,
            (2, 0.5): 100,
        }
    )


def test_mean_iou_is_of_the_first_answer():
    predictions = torch.tensor([[[0.0, 5], [0, 10]], [[0, 10], [0, 1]]])
    assert mean_iou(predictions, torch.tensor([[0.0, 10], [0, 10]])) == pytest.approx(75)


def test_segments_of_no_length_give_numbers():
    point = torch.tensor([[[3.0, 3.0], [3.0, 3.0]]])
    assert recall(point, point[:, 0], [1, 2], [0.0, 0.5], nms=0.5) == dict.fromkeys(
        [(1, 0.0), (1, 0.5), (2, 0.0), (2, 0.5)], 0
    )
    assert mean_iou(point, point[:, 0]) == 0


@pytest.mark.parametrize("queries", [0, 3])
def test_every_target_needs_its_prediction(queries):
    with pytest.raises(InputError, match=rf"{queries} predictions for"):
        recall(torch.zeros(queries, 1, 2), torch.zeros(0 if queries == 0 else 2, 2), [1], [0.5])


def test_the_table_has_a_row_for_each_label():
    targets = torch.tensor([[0.0, 4], [0, 8], [0, 20]])
    predictions = torch.tensor([[[0.0, 4], [0, 1]], [[6, 8], [0, 8]], [[0, 20], [0, 2]]])
    groups = {
        "kind": ["attribute", "ordinal", "attribute"],
        "length": [length_bin(s, (5, 10)) for s in (4, 8, 20)],
    }
    table = json.loads(json.dumps(summarise(predictions, targets, groups, ks=(1, 2), thresholds=(0.5,))))
    assert table["all"] == {
        "queries": 3,
        "R1@0.5": pytest.approx(200 / 3),
        "R2@0.5": 100,
        "mIoU": pytest.approx(75),
    }
    assert table["kind"] == {
        "attribute": {"queries": 2, "R1@0.5": 100, "R2@0.5": 100, "mIoU": 100},
        "ordinal": {"queries": 1, "R1@0.5": 0, "R2@0.5": 100, "mIoU": 25},
    }
    assert list(table["length"]) == ["< 5 s", "5–10 s", "≥ 10 s"]
    durations = torch.tensor([8.0, 8, 40])
    longer = summarise(predictions, targets, groups, ks=(1, 2), thresholds=(0.5,), durations=durations)
    expected = discounted_recall(predictions, targets, durations, ks=(1, 2), thresholds=(0.5,), nms=0.45)
    assert longer["all"] == table["all"] | {"dR1@0.5": expected[1, 0.5], "dR2@0.5": expected[2, 0.5]}
    assert longer["kind"]["ordinal"] == table["kind"]["ordinal"] | {"dR1@0.5": 0, "dR2@0.5": 100}
    with pytest.raises(InputError, match="'kind': 1 labels for 3 queries"):
        summarise(predictions, targets, {"kind": ["attribute"]})


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0, "< 5 s"), (4.99, "< 5 s"), (5, "5–10 s"), (9.9, "5–10 s"), (10, "≥ 10 s"), (99, "≥ 10 s")],
)
def test_an_edge_belongs_to_the_bin_above(seconds, name):
    assert length_bin(seconds, (5, 10)) == name


def test_best_constant_interval_by_hand():
    spans = torch.tensor([[0.0, 0.5], [0.0, 0.5], [0.5, 1.0]])
    assert best_constant_interval(spans, 0.7, grid=4) == (0.0, 0.5)
    assert best_constant_interval(spans[2:], 0.5, grid=4) == (0.25, 1.0)  # also hits; ties go to the first
    with pytest.raises(InputError, match="no training queries"):
        best_constant_interval(torch.zeros(0, 2))


def test_the_constant_interval_of_charades_sta(shared):
    spans = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the files' own clipped ends
        for split in ("train", "test"):
            queries = read_charades_sta(
                shared(f"data/charades-sta/charades_sta_{split}.txt"),
                shared(f"data/charades-sta/Charades_v1_{split}.csv"),
            )
            spans[split] = torch.tensor([q.span for q in queries], dtype=torch.float64)
    best = best_constant_interval(spans["train"], threshold=0.5, grid=16)
    assert best == (0, 5 / 16)
    predictions = torch.tensor(best).expand(len(spans["test"]), 1, 2)
    assert recall(predictions, spans["test"], [1], [0.5])[1, 0.5] == pytest.approx(30.70, abs=0.005)


# ── Several true windows ──────────────────────────────────────────────────────────────────────


def test_of_several_windows_the_best_overlap_counts():
    targets = torch.tensor([[[0.0, 10.0], [50.0, 60.0]], [[20.0, 30.0], [20.0, 30.0]]])  # the second query has one
    predictions = torch.tensor([[[50.0, 58.0], [0.0, 10.0]], [[0.0, 5.0], [20.0, 29.0]]])
    assert recall(predictions, targets, ks=(1, 2), thresholds=(0.7, 0.9)) == {
        (1, 0.7): 50.0, (1, 0.9): 0.0, (2, 0.7): 100.0, (2, 0.9): 50.0,
    }  # fmt: skip
    assert mean_iou(predictions, targets) == pytest.approx(100 * (0.8 + 0) / 2)
    # the distances of a discounted hit are those to the window that it overlaps most: 0 and 2 of 100 s
    found = discounted_recall(predictions, targets, torch.tensor([100.0, 100.0]), ks=(1,), thresholds=(0.5,))
    assert found[1, 0.5] == pytest.approx(100 * 0.98 / 2)
    assert summarise(predictions, targets)["all"]["R1@0.7"] == 50


def test_one_window_in_either_shape_is_the_same():
    targets = torch.tensor([[2.0, 9.0], [20.0, 30.0]])
    predictions = torch.tensor([[[1.0, 9.0]], [[22.0, 31.0]]])
    both = [recall(predictions, found, (1,), (0.3, 0.5)) for found in (targets, targets[:, None])]
    assert both[0] == both[1]
    assert best_constant_interval(targets / 40) == best_constant_interval(targets[:, None] / 40)


def test_a_constant_interval_needs_to_hit_one_window():
    early, late, last = [0.0, 0.25], [0.5, 0.75], [0.8, 1.0]
    found = best_constant_interval(torch.tensor([[early, late], [late, late], [last, last]]))
    assert interval_iou(torch.tensor(found), torch.tensor(late)) > 0.5  # two of three; by first windows, one each
    with pytest.raises(InputError, match=r"target of query 1 \(from 0\): \[0.9, 0.1\] ends before it starts"):
        recall(torch.zeros(2, 1, 2), torch.tensor([[[0.0, 1.0]], [[0.9, 0.1]]]), (1,), (0.5,))
