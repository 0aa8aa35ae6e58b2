"""What the metrics take and refuse: a missing prediction is a miss, a wrong shape is one sentence, in any container."""

import warnings

import numpy as np
import pytest
import torch

from lgn_lite.errors import InputError
from lgn_lite.metrics import (
    best_constant_interval,
    discounted_recall,
    first_predictions,
    mean_iou,
    recall,
    summarise,
    temporal_nms,
)

TARGETS = torch.tensor([[0.0, 5], [2, 9], [4, 6]])
DURATIONS = [10.0, 10.0, 10.0]


def all_metrics(predictions, targets=TARGETS, nms=0.45):
    """Every metric of the same predictions, which must agree; the plain recall is returned."""
    found = recall(predictions, targets, (1, 5), (0.5, 0.7), nms=nms)
    weighed = discounted_recall(predictions, targets, DURATIONS, (1, 5), (0.5, 0.7), nms=nms)
    table = summarise(predictions, targets, None, (1, 5), (0.5, 0.7), nms=nms, durations=DURATIONS)["all"]
    named = {f"R{k}@{m:g}": value for (k, m), value in found.items()}
    named |= {f"dR{k}@{m:g}": value for (k, m), value in weighed.items()}
    named |= {"queries": 3, "mIoU": mean_iou(predictions, targets)}
    assert table == pytest.approx(named)
    return found


NONE = [[], (), None, np.zeros((0, 2)), np.zeros(0), torch.zeros(0, 2), torch.zeros(0)]


@pytest.mark.parametrize("none", NONE, ids=repr)
@pytest.mark.parametrize("nms", [None, 0.45])
def test_a_missing_prediction_is_a_miss(none, nms):
    assert all_metrics([[[0, 5]], none, [[4, 6]]], nms=nms) == dict.fromkeys(
        [(1, 0.5), (1, 0.7), (5, 0.5), (5, 0.7)], pytest.approx(200 / 3)
    )
    assert set(all_metrics([none] * 3, nms=nms).values()) == {0}


@pytest.mark.parametrize(
    "predictions", [torch.zeros(3, 0, 2), np.zeros((3, 0, 2)), torch.zeros(3, 0), np.zeros((3, 0)), [[], [], []]]
)
def test_no_predictions_at_all_are_all_misses(predictions):
    assert set(all_metrics(predictions).values()) == {0}
    assert mean_iou(predictions, TARGETS) == 0


def test_whatever_holds_the_times_the_figures_are_the_same():
    times = [[[0.0, 5], [1, 2]], [[3.0, 9], [0, 1]], [[0.0, 1], [4, 6]]]
    expected = all_metrics(torch.tensor(times))
    array = np.array(times)
    same = [
        times,
        array,
        array.astype(np.float32),
        array.astype(int),
        torch.tensor(times, requires_grad=True),
        torch.tensor(times).half(),
        tuple(tuple(map(tuple, rows)) for rows in times),
        [np.array(rows) for rows in times],
        [torch.tensor(rows) for rows in times],
        [[torch.tensor(row) for row in rows] for rows in times],
        [[np.array(row) for row in rows] for rows in times],
        [times[0], array[1], torch.tensor(times[2])],
        np.array([None, *map(np.array, times)], dtype=object)[1:],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for predictions in same:
            assert all_metrics(predictions) == expected
        for targets in (TARGETS.tolist(), TARGETS.numpy(), list(TARGETS), [tuple(row) for row in TARGETS.tolist()]):
            assert all_metrics(times, targets) == expected
            assert recall(times, targets, np.array([1, 5]), np.array([0.5, 0.7]), nms=0.45) == expected
            assert recall(times, targets, (k for k in (1, 5)), iter([0.5, 0.7]), nms=0.45) == expected


def test_lists_are_read_in_double_precision():
    """In single precision 4/10 passes a strict > 0.4, and 0.1 is not 0.1."""
    assert recall([[[0, 4]]], [[0, 10]], [1], [0.4]) == {(1, 0.4): 0}
    assert first_predictions([[[0.1, 0.7]]], [[0, 1]], 1, None).tolist() == [[[0.1, 0.7]]]
    assert temporal_nms([[0, 5.0], [0, 2.0]], 0.4, 5).tolist() == [0, 1]


GOOD = [[4.0, 6.0]]
WRONG = {
    "scores": ([[4.0, 6.0, 0.9]], r"has the shape \(1, 3\), not \(P, 2\); leave the scores out"),
    "a flat pair": ([4.0, 6.0], r"has the shape \(2,\), not \(P, 2\); write a single prediction as \[\[start, end\]\]"),
    "a number": (4.0, r"has the shape \(\), not \(P, 2\)"),
    "flat times": ([4.0, 6.0, 1.0], r"has the shape \(3,\)"),
    "single times": ([[4.0], [6.0]], r"has the shape \(2, 1\)"),
    "too deep": ([[[4.0, 6.0]]], r"has the shape \(1, 1, 2\)"),
    "unequal rows": ([[4.0, 6.0], [1.0]], "are not numbers in rows of equal length"),
    "texts": ([["4", "6"]], "are not numbers"),
    "a text": ("4 6", "are not numbers"),
    "None": ([[None, 6.0]], "are not numbers"),
    "booleans": ([[False, True]], "are not numbers"),
    "an object": ({"start": 4, "end": 6}, "are not numbers"),
    "without end": ([[0, 10**400]], "are not numbers"),
    "NaN": ([GOOD[0], [float("nan"), 6.0]], r"number 1: \[nan, 6\] is not finite"),
    "infinity": ([[0.0, float("inf")]], r"number 0: \[0, inf\] is not finite"),
    "reversed": ([GOOD[0], [6.0, 4.0]], r"number 1: \[6, 4\] ends before it starts"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_prediction_is_one_sentence_that_names_its_query(kind):
    wrong, message = WRONG[kind]
    cases = [[GOOD, wrong, GOOD]]
    if message.startswith(("has the shape", "number")):
        cases += [[GOOD, np.array(wrong), GOOD], [GOOD, torch.tensor(wrong), GOOD]]
    for predictions in cases:
        for call in (
            lambda predictions=predictions: recall(predictions, TARGETS, [1], [0.5], nms=0.45),
            lambda predictions=predictions: discounted_recall(predictions, TARGETS, DURATIONS, [1], [0.5]),
            lambda predictions=predictions: mean_iou(predictions, TARGETS),
            lambda predictions=predictions: summarise(predictions, TARGETS),
        ):
            with pytest.raises(InputError, match=rf"predictions of query 1 \(from 0\).*{message}") as error:
                call()
            assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (torch.zeros(3, 2), r"query 0 \(from 0\): has the shape \(2,\)"),
        (np.zeros((3, 1, 3)), r"query 0 \(from 0\): has the shape \(1, 3\), .* leave the scores out"),
        ([[0, 5], [2, 9], [4, 6]], r"query 0 \(from 0\): has the shape \(2,\)"),
        (torch.tensor([[[0.0, 1]], [[0, 1]], [[0, float("nan")]]]), r"query 2 \(from 0\), number 0: \[0, nan\]"),
        (np.array([[[0.0, 1]], [[3, 1]], [[0, 1]]]), r"query 1 \(from 0\), number 0: \[3, 1\] ends before"),
        (torch.zeros(3, 1, 2, dtype=torch.bool), "not numbers"),
        (torch.zeros(3, 1, 2, dtype=torch.complex64), "not numbers"),
        ([], "0 predictions for 3 targets"),
        ([GOOD] * 2, "2 predictions for 3 targets"),
        (None, "must be sequences"),
        (3, "must be sequences"),
        pytest.param((GOOD for _ in range(3)), "must be sequences", id="generator"),
        ("abc", "a str, not one list"),
        ({"a": GOOD, "b": GOOD, "c": GOOD}, "a dict, not one list"),
    ],
    ids=str,
)
def test_wrong_predictions_are_one_sentence(predictions, message):
    for nms in (None, 0.45):
        with pytest.raises(InputError, match=message) as error:
            recall(predictions, TARGETS, [1], [0.5], nms=nms)
        assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0, 5], [9, 2], [4, 6]], r"target of query 1 \(from 0\): \[9, 2\] ends before it starts"),
        ([[0, 5], [2, 9], [4, float("nan")]], r"target of query 2 \(from 0\): \[4, nan\] is not finite"),
        ([0, 5, 9], r"targets: have the shape \(3,\), not \(Q, 2\)"),
        ([[0, 5, 1]] * 3, r"targets: have the shape \(3, 3\)"),
        ([[0, "5"]] * 3, "targets: .* not numbers"),
        ([None] * 3, "targets: .* not numbers"),
        ([], "3 predictions for 0 targets"),
    ],
    ids=str,
)
def test_wrong_targets_are_one_sentence(targets, message):
    for predictions in ([GOOD] * 3, torch.tensor([GOOD] * 3)):
        with pytest.raises(InputError, match=message):
            recall(predictions, targets, [1], [0.5])


@pytest.mark.parametrize("ks", [[0], [], [-1], [1, 0], [1.5], [True], ["1"], 1, None, "1"], ids=str)
def test_k_is_a_whole_number_of_at_least_one(ks):
    for call in (
        lambda: recall([GOOD] * 3, TARGETS, ks, [0.5]),
        lambda: discounted_recall([GOOD] * 3, TARGETS, DURATIONS, ks, [0.5]),
        lambda: summarise([GOOD] * 3, TARGETS, None, ks),
    ):
        with pytest.raises(InputError, match=r"ks=.*: R@k counts the first k predictions; give whole numbers"):
            call()


@pytest.mark.parametrize("m", [-0.1, 1.5, 50, float("nan"), "0.5", True, None], ids=str)
def test_an_overlap_is_a_share(m):
    for call in (
        lambda: recall([GOOD] * 3, TARGETS, [1], [0.5, m]),
        lambda: temporal_nms(GOOD, m, 1),
    ):
        with pytest.raises(InputError, match=r"an overlap .* is a number from 0 to 1"):
            call()
    if m is not None:
        with pytest.raises(InputError, match=r"nms=.* is a number from 0 to 1"):
            recall([GOOD] * 3, TARGETS, [1], [0.5], nms=m)


def test_a_huge_k_costs_no_memory():
    assert recall([GOOD] * 3, TARGETS, [1, 10**12], [0.5], nms=0.45)[10**12, 0.5] == pytest.approx(100 / 3)
    assert recall(torch.tensor([GOOD] * 3), TARGETS, [10**12], [0.5])[10**12, 0.5] == pytest.approx(100 / 3)


def test_nms_takes_what_recall_takes():
    for none in NONE:
        assert temporal_nms(none, 0.5, 5).tolist() == []
    assert temporal_nms([[0, 5], [0, 4.9], [6, 7]], 0.5, 5).tolist() == [0, 2]
    assert temporal_nms([[0, 5]], 0.5, 0).tolist() == []
    for wrong, message in WRONG.values():
        with pytest.raises(InputError, match=f"segments.*{message}"):
            temporal_nms(wrong, 0.5, 5)
    for keep in (-1, 1.5, None, True):
        with pytest.raises(InputError, match=r"keep=.*whole number"):
            temporal_nms(GOOD, 0.5, keep)


@pytest.mark.parametrize("durations", [[10.0], [10, 10, float("inf")], [10, 10, -1], [[10, 10, 10]], ["a", 1, 2]])
def test_wrong_durations_are_one_sentence(durations):
    with pytest.raises(InputError, match=r"3 targets need as many durations, all above 0|durations: .* not numbers"):
        discounted_recall([GOOD] * 3, TARGETS, durations, [1], [0.5])


def test_a_constant_interval_is_of_real_spans():
    assert best_constant_interval([[0, 0.5]], 0.7, grid=4) == (0.0, 0.5)
    for spans, message in (([], "no training queries"), ([[0.5, 0]], "ends before"), ([0, 0.5], "shape")):
        with pytest.raises(InputError, match=message):
            best_constant_interval(spans)
