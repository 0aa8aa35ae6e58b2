"""Long videos in overlapping windows: where the windows lie, and that their candidates are ranked together."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers.untrained import untrained_models
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.checkpoint import load_checkpoint
from lgn_lite.data_sets import DataSet
from lgn_lite.errors import InputError
from lgn_lite.evaluation import ranked_windows, score_queries
from lgn_lite.metrics import temporal_nms
from lgn_lite.recipes import evaluate_checkpoint, evaluation_set
from lgn_lite.windows import Windows, cut, ranked_in_windows, score_windows


@pytest.fixture(scope="module")
def checkpoint(small_toy, tmp_path_factory):
    return load_checkpoint(untrained_models(tmp_path_factory.mktemp("models"), small_toy) / "full" / "best")


@settings(deadline=None)
@given(st.floats(0.5, 900), st.floats(1, 300), st.floats(0.1, 1))
def test_windows_cover_the_video_and_stay_within(duration, window, share):
    spans = Windows(window, share * window).spans(duration)
    assert spans[0][0] == 0 and spans[-1][1] == pytest.approx(duration)
    for (start, end), (following, _) in pairwise(spans):
        assert start < following <= start + share * window + 1e-9 and following <= end + 1e-9
    assert all(start >= 0 and end - start == pytest.approx(min(window, duration)) for start, end in spans)


def test_half_a_window_is_the_stride_by_default():
    assert cut(None) is None and cut(60) == Windows(60, 30) and cut(60, 20) == Windows(60, 20)
    assert cut(40).spans(100) == [(0, 40), (20, 60), (40, 80), (60, 100)]
    assert cut(40).spans(90) == [(0, 40), (20, 60), (40, 80), (50, 90)]
    assert cut(40).spans(40) == [(0, 40)] and cut(40).spans(7) == [(0, 7)]


@pytest.mark.parametrize(
    ("window", "stride", "said"),
    [
        (0, None, "window=0, stride=0: seconds above 0"),
        (-5, None, "seconds above 0"),
        (float("nan"), None, "seconds above 0"),
        (float("inf"), None, "seconds above 0"),
        (60, 61, "window=60, stride=61: seconds above 0, the stride at most the window"),
        (60, 0, "window=60, stride=0"),
        (None, 10, "stride=10 without a window"),
    ],
)
def test_impossible_windows_are_refused(window, stride, said):
    with pytest.raises(InputError, match=said):
        cut(window, stride)


def test_too_many_windows_are_refused():
    with pytest.raises(InputError, match=r"99,991 windows in a video of 10,000 s; at most 10,000: widen them"):
        Windows(1, 0.1).spans(10_000)


def test_one_window_is_the_whole_video(small_toy: DataSet, checkpoint):
    data = evaluation_set(small_toy, checkpoint, "val")
    whole = ranked_windows(checkpoint.model, score_queries(checkpoint.model, data), data.queries)
    windows = ranked_in_windows(checkpoint.model, data, Windows(1000.0, 500.0))
    assert len(whole) == len(windows) == len(data)
    for one, other in zip(whole, windows, strict=True):
        assert np.allclose(one.windows, other.windows) and np.allclose(one.scores, other.scores, atol=1e-6)
    plain = evaluate_checkpoint(small_toy, checkpoint, "val")
    assert evaluate_checkpoint(small_toy, checkpoint, "val", windows=Windows(1000.0, 500.0)) == plain


def test_each_window_is_scored_as_a_video_of_its_own(small_toy, checkpoint):
    data = evaluation_set(small_toy, checkpoint, "val")
    query = data.queries[0]
    features = data.features[query.video]  # 2 Hz
    found = score_windows(checkpoint.model, features, query.duration, [data.words(0)], Windows(12.0, 6.0))
    P = len(checkpoint.model.moments)
    spans = Windows(12.0, 6.0).spans(query.duration)
    assert found.segments.shape == (len(spans) * P, 2) and found.scores.shape == (1, len(spans) * P)
    start, end = spans[1]
    alone = score_windows(checkpoint.model, features[12:36], 12.0, [data.words(0)], Windows(12.0, 6.0))
    assert torch.allclose(found.scores[0, P : 2 * P], alone.scores[0], atol=1e-6)
    assert torch.allclose(found.segments[P : 2 * P], start + alone.segments)
    best = found.best(0, keep=5, nms=0.45)
    order = found.scores[0].argsort(descending=True, stable=True)
    kept = temporal_nms(found.segments[order], 0.45, 5)
    assert best.windows == [tuple(pair) for pair in found.segments[order][kept].tolist()]
    assert best.scores == sorted(best.scores, reverse=True)


def test_a_blind_model_has_no_windows(small_toy, checkpoint):
    blind = replace(checkpoint, about=replace(checkpoint.about, training={"variant": "blind"}))
    with pytest.raises(InputError, match="a blind model sees no video"):
        evaluate_checkpoint(small_toy, blind, "val", windows=Windows(10, 5))
