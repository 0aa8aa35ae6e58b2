"""Moments: which candidates exist, pooling against the loop, IoU, the map view, neighbours."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.errors import InputError
from lgn_lite.moments import Moments, interval_iou

quick = settings(max_examples=50, deadline=None)
sizes = st.integers(1, 40)
scale_lists = st.lists(st.integers(1, 9), min_size=1, max_size=4)
seconds = st.floats(0, 100, allow_nan=False)


def loop_pool(moments: Moments, clips: torch.Tensor) -> torch.Tensor:
    pairs = zip(moments.start_index.tolist(), moments.end_index.tolist(), strict=True)
    return torch.stack([clips[:, s : e + 1].amax(dim=1) for s, e in pairs], dim=1)


@pytest.mark.parametrize(
    ("name", "num_clips", "scales", "count"),
    [
        ("charades", 16, (16,), 136),
        ("charades", 16, (16, 8, 8, 8), 136),
        ("tacos", 128, (16, 8, 8, 8), 2548),
        ("activitynet", 64, (16, 8, 8), 1104),
    ],
)
def test_candidates_are_those_of_2d_tan(shared, name, num_clips, scales, count):
    moments = Moments(num_clips, scales)
    assert len(moments) == count
    with np.load(shared("golden/masks.npz")) as golden:
        np.testing.assert_array_equal(moments.mask.numpy(), golden[name])


@quick
@given(sizes, scale_lists)
def test_candidates_are_ordered_and_inside_the_video(num_clips, scales):
    moments = Moments(num_clips, scales)
    pairs = list(zip(moments.start_index.tolist(), moments.end_index.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    assert all(0 <= s <= e < num_clips for s, e in pairs)
    assert {(i, i) for i in range(num_clips)} <= set(pairs)  # the first length is one clip, at every clip
    assert moments.starts.tolist() == pytest.approx([s / num_clips for s, _ in pairs])
    assert moments.ends.tolist() == pytest.approx([(e + 1) / num_clips for _, e in pairs])


def test_starts_of_a_coarser_scale_keep_its_step():
    # lengths 1, 2 at every clip, then 4, 6 at every second
    moments = Moments(8, (2, 2))
    longer = moments.end_index - moments.start_index >= 2
    found = list(zip(moments.start_index[longer].tolist(), moments.end_index[longer].tolist(), strict=True))
    assert found == [(0, 3), (0, 5), (2, 5), (2, 7), (4, 7)]


@quick
@given(sizes, scale_lists, st.integers(1, 3), st.integers(1, 4))
def test_pool_is_the_naive_loop(num_clips, scales, batch, channels):
    moments = Moments(num_clips, scales)
    clips = torch.randn(batch, num_clips, channels)
    assert torch.equal(moments.pool(clips), loop_pool(moments, clips))


@quick
@given(st.integers(1, 12), scale_lists)
def test_pool_gradient_is_that_of_the_naive_loop(num_clips, scales):
    moments = Moments(num_clips, scales)
    # a permutation: no two clips are equal, so that the gradient of the maximum is unique
    clips = torch.randperm(num_clips * 2, dtype=torch.float64).view(1, num_clips, 2).requires_grad_()
    weight = torch.randn(1, len(moments), 2, dtype=torch.float64)
    (ours,) = torch.autograd.grad((moments.pool(clips) * weight).sum(), clips)
    (loop,) = torch.autograd.grad((loop_pool(moments, clips) * weight).sum(), clips)
    torch.testing.assert_close(ours, loop)


def test_pool_gives_the_gradient_of_equal_clips_out_once():
    moments = Moments(4, (4,))
    clips = torch.zeros(1, 4, 1, requires_grad=True)  # as after a ReLU
    moments.pool(clips).sum().backward()
    assert clips.grad.sum().item() == len(moments)


def test_pool_refuses_another_number_of_clips():
    with pytest.raises(InputError, match="5 clips were given, the candidates need 4"):
        Moments(4, (4,)).pool(torch.zeros(1, 5, 2))


@quick
@given(sizes, scale_lists)
def test_map_view_goes_there_and_back(num_clips, scales):
    moments = Moments(num_clips, scales)
    values = torch.rand(2, len(moments), 3) + 1  # never 0
    grid = moments.to_map(values)
    assert grid.shape == (2, num_clips, num_clips, 3)
    assert torch.equal(moments.from_map(grid), values)
    assert torch.equal((grid != 0).all(dim=-1), moments.mask.expand(2, -1, -1))


@pytest.mark.parametrize("name", ["tan_charades", "tan_tacos_small", "tan_activitynet"])
def test_iou_is_that_of_2d_tan(shared, name):
    with np.load(shared(f"golden/{name}.npz")) as golden:
        meta = json.loads(str(golden["meta"]))
        mask, iou_map = torch.from_numpy(golden["mask"]).bool(), torch.from_numpy(golden["iou_map"])
        spans = np.stack([golden["starts"], golden["ends"]], axis=-1) / golden["durations"][:, None]
    moments = Moments(meta["num_sample_clips"] // meta["target_stride"], meta["num_scale_layers"])
    assert torch.equal(moments.mask, mask)
    ours = moments.iou(torch.from_numpy(spans)).to(iou_map.dtype)
    torch.testing.assert_close(ours, moments.from_map(iou_map), atol=1e-6, rtol=0)


@quick
@given(seconds, seconds, seconds, seconds)
def test_interval_iou_is_symmetric_bounded_and_finite(a, b, c, d):
    one, other = torch.tensor(sorted([a, b])).double(), torch.tensor(sorted([c, d])).double()
    iou = interval_iou(one, other)
    assert 0 <= iou <= 1
    assert iou == interval_iou(other, one)
    assert interval_iou(one, one) == (1 if one[0] < one[1] else 0)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 2), (1, 3), 1 / 3),
        ((0, 1), (1, 2), 0),
        ((0, 1), (5, 9), 0),
        ((1, 1), (0, 2), 0),
        ((0, 4), (1, 2), 0.25),
    ],
)
def test_interval_iou_by_hand(a, b, expected):
    assert interval_iou(torch.tensor(a).double(), torch.tensor(b).double()).item() == pytest.approx(expected)


@quick
@given(st.integers(1, 12), scale_lists, st.sampled_from([1, 3, 5, 7]), st.integers(1, 3))
def test_neighbours_are_the_cells_under_the_kernel(num_clips, scales, kernel, dilation):
    moments = Moments(num_clips, scales)
    pairs = list(zip(moments.start_index.tolist(), moments.end_index.tolist(), strict=True))
    number = {pair: i for i, pair in enumerate(pairs)}
    reach = [dilation * (i - kernel // 2) for i in range(kernel)]
    expected = [[number.get((s + i, e + j), len(pairs)) for i in reach for j in reach] for s, e in pairs]
    assert moments.neighbours(kernel, dilation).tolist() == expected


def test_neighbours_need_an_odd_kernel():
    with pytest.raises(InputError, match="kernel=4"):
        Moments(4, (4,)).neighbours(4)


def test_segments_are_the_spans_in_seconds():
    segments = Moments(2, (2,)).segments(torch.tensor([10.0, 30.0]))
    assert segments.tolist() == [[[0, 5], [0, 10], [5, 10]], [[0, 15], [0, 30], [15, 30]]]


def test_tables_are_no_weights_and_are_never_rounded():
    moments = Moments(16, (16,))
    assert not moments.state_dict()
    assert not list(moments.parameters())
    starts = moments.starts
    assert torch.equal(moments.half().starts, starts)


@pytest.mark.parametrize(
    ("num_clips", "scales"),
    [(0, (4,)), (4, ()), (4, (4, 0)), (2.5, (4,)), (True, (4,)), ("8", (4,)), (4, 4), (4, None)],
)
def test_impossible_sizes_are_refused(num_clips, scales):
    with pytest.raises(InputError, match="must be at least 1"):
        Moments(num_clips, scales)


def test_sizes_without_end_are_refused_or_cost_nothing():
    with pytest.raises(InputError, match=r"num_clips=10000000: .* at most 10,000"):
        Moments(10**7)
    assert torch.equal(Moments(16, (10**12, 8)).mask, Moments(16, (16,)).mask)  # no moment is longer than the video


def test_the_ceiling_by_hand():
    # of 4 clips, candidates of 1 and 2 of them
    spans = torch.tensor([[0.25, 0.5], [0.0, 0.75], [0.0, 1.0], [0.3, 0.55]])  # best IoU 1, 2/3, 1/2, 0.2/0.3
    ceiling = Moments(4, (2,)).ceiling(spans, (0.5, 0.65, 0.7))
    assert ceiling == {0.5: 75, 0.65: 75, 0.7: 25}


@quick
@given(N=sizes, scales=scale_lists)
def test_anchors_are_the_middle_clip_and_the_length_of_each_candidate(N, scales):
    moments = Moments(N, scales)
    middle, length, lengths = moments.anchors()
    clips = moments.end_index - moments.start_index + 1
    sizes = sorted(set(clips.tolist()))
    assert lengths == len(sizes) and [sizes[i] for i in length.tolist()] == clips.tolist()
    assert middle.tolist() == [(s + e) // 2 for s, e in zip(moments.start_index, moments.end_index, strict=True)]
    assert len(set(zip(middle.tolist(), length.tolist(), strict=True))) == len(moments)  # each has a place of its own
