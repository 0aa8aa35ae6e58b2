"""The loss: labels from the overlap (eq. 4), cross entropy (eq. 5), and 2D-TAN's own numbers."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.errors import InputError
from lgn_lite.loss import iou_targets, moment_loss
from lgn_lite.moments import Moments

limits = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: pair[1] - pair[0] > 1e-3)


def test_labels_by_hand():
    iou = torch.tensor([0.0, 0.25, 0.5, 0.9])
    assert iou_targets(iou, 0.0, 0.5).tolist() == [0, 0.5, 1, 1]  # the paper's limits
    assert iou_targets(iou, 0.5, 1.0).tolist() == pytest.approx([0, 0, 0, 0.8])  # 2D-TAN's


@settings(max_examples=50, deadline=None)
@given(limits, st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_labels_rise_with_the_overlap_from_0_to_1(limits, overlaps):
    t_min, t_max = limits
    iou = torch.tensor(sorted(overlaps), dtype=torch.float64)
    labels = iou_targets(iou, t_min, t_max)
    assert ((labels >= 0) & (labels <= 1)).all()
    assert (labels.diff() >= 0).all()
    assert (labels[iou <= t_min] == 0).all()
    assert (labels[iou >= t_max] == 1).all()


def test_loss_by_hand():
    # one certain half-truth and one candidate that is wrong at even odds
    loss = moment_loss(torch.zeros(1, 2), torch.tensor([[0.25, 0.0]]), 0.0, 0.5)
    assert loss.item() == pytest.approx(math.log(2))
    right = moment_loss(torch.tensor([[20.0, -20.0]]), torch.tensor([[1.0, 0.0]]), 0.0, 0.5)
    wrong = moment_loss(torch.tensor([[-20.0, 20.0]]), torch.tensor([[1.0, 0.0]]), 0.0, 0.5)
    assert right.item() == pytest.approx(0, abs=1e-6)
    assert wrong.item() == pytest.approx(20)


@pytest.mark.parametrize("name", ["tan_charades", "tan_tacos_small", "tan_activitynet"])
def test_loss_is_that_of_2d_tan(shared, name):
    with np.load(shared(f"golden/{name}.npz")) as golden:
        meta = json.loads(str(golden["meta"]))
        moments = Moments(meta["num_sample_clips"] // meta["target_stride"], meta["num_scale_layers"])
        logits = moments.from_map(torch.from_numpy(golden["scores"])[:, 0])
        iou = moments.from_map(torch.from_numpy(golden["iou_map"]).to(logits))
        expected = golden["loss"].item()
    assert moment_loss(logits, iou, meta["min_iou"], meta["max_iou"]).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("limits", [(0.5, 0.5), (0.7, 0.3), (float("nan"), 0.5)])
def test_limits_must_rise(limits):
    with pytest.raises(InputError, match="t_min must be below t_max"):
        moment_loss(torch.zeros(1, 1), torch.zeros(1, 1), *limits)
