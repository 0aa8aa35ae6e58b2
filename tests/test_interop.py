"""The baseline agrees with the published 2D-TAN, stage by stage."""

import json

import numpy as np
import pytest
import torch

from lgn_lite.errors import InputError
from lgn_lite.interop import load_2dtan
from lgn_lite.loss import moment_loss


def golden(path):
    arrays = np.load(path)
    meta = json.loads(str(arrays["meta"]))
    state = {
        name.removeprefix("param/"): torch.from_numpy(arrays[name]) for name in arrays if name.startswith("param/")
    }
    model = load_2dtan(
        state, meta["num_sample_clips"] // meta["target_stride"], meta["target_stride"], meta["num_scale_layers"],
        meta["kernel"], meta["padding"],
    )  # fmt: skip
    return model, meta, {name: torch.from_numpy(arrays[name]) for name in arrays if name != "meta" and "/" not in name}


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs.to(ours.dtype), rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("name", ["tan_charades", "tan_tacos_small", "tan_activitynet"])
def test_every_stage_agrees_with_2d_tan(shared, name):
    model, meta, expected = golden(shared(f"golden/{name}.npz"))
    trace = {}
    with torch.no_grad():
        logits = model(expected["video"], expected["words"], expected["word_counts"], trace)
    moments = model.moments
    assert torch.equal(moments.mask, expected["mask"])
    close(trace["clips"].transpose(1, 2), expected["clip_features"])
    close(moments.to_map(trace["proposals"]).permute(0, 3, 1, 2), expected["proposal_map"])
    close(moments.to_map(trace["fused"]).permute(0, 3, 1, 2), expected["fused"])
    for i in range(meta["layers"]):
        close(trace[f"share_{i}"], expected[f"conv_weight_mask_{i}"])
    inside = moments.mask[None, None].expand_as(expected["map_out"])
    close(trace[f"map_{meta['layers'] - 1}"][inside], expected["map_out"][inside])
    close(moments.to_map(logits), expected["scores"][:, 0])
    span = torch.stack([expected["starts"], expected["ends"]], 1) / expected["durations"][:, None]
    iou = moments.iou(span.float())
    close(moments.to_map(iou)[:, moments.mask], expected["iou_map"][:, moments.mask])
    close(moment_loss(logits, iou, meta["min_iou"], meta["max_iou"]), expected["loss"])


def test_foreign_or_missing_parameters_are_named(shared):
    model, *_ = golden(shared("golden/tan_charades.npz"))
    with pytest.raises(InputError, match=r"resnet\.weight"):
        load_2dtan({"resnet.weight": torch.zeros(1)}, 16, 16, [16], 5, 16)
    with pytest.raises(InputError, match="lacks"):
        load_2dtan({"pred_layer.bias": torch.zeros(1)}, 16, 16, [16], 5, 16)
