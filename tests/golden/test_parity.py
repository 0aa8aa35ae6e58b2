"""The baseline is 2D-TAN, stage by stage.

Twice: against the golden arrays that the repository carries, and against those of the published code where ../shared
has them. The reference that made the former is held against the latter, too.
"""

import json

import numpy as np
import pytest
import torch
from golden.reference_2d_tan import CASES, make, read, stages

from lgn_lite.interop import load_2dtan
from lgn_lite.loss import moment_loss

INPUTS = ("video", "words", "word_counts", "starts", "ends", "durations")
PUBLISHED = ["tan_charades", "tan_tacos_small", "tan_activitynet"]


def committed(case):
    arrays, settings = read()
    own = {name.removeprefix(f"{case}/"): x for name, x in arrays.items() if name.startswith(f"{case}/")}
    return *split(own), settings[case]


def published(path):
    arrays = np.load(path)
    meta = json.loads(str(arrays["meta"]))
    meta |= {"clip_pool": meta["target_stride"], "num_clips": meta["num_sample_clips"] // meta["target_stride"]}
    meta["scales"] = meta["num_scale_layers"]
    return *split({name: torch.from_numpy(arrays[name]) for name in arrays if name != "meta"}), meta


def split(arrays):
    """The state dict, the inputs, and the values of the stages."""
    state = {name.removeprefix("param/"): x for name, x in arrays.items() if name.startswith("param/")}
    values = {name: x for name, x in arrays.items() if not name.startswith("param/") and name not in INPUTS}
    return state, {name: arrays[name] for name in INPUTS}, values


def deviation(ours, theirs):
    """Of each query's numbers together, relative to how much they vary; the largest one, relative to the largest."""
    assert ours.shape == theirs.shape
    difference, theirs = (ours.double() - theirs.double()).flatten(1), theirs.double().flatten(1)
    spread = (theirs - theirs.mean(1, keepdim=True)).norm(dim=1)
    return max((difference.norm(dim=1) / spread).max(), difference.abs().max() / theirs.abs().max()).item()


def check_every_stage(state, inputs, expected, settings):
    """The package's model, loaded from the state, gives the expected values at every stage."""
    names = ("num_clips", "clip_pool", "scales", "kernel", "padding")
    model = load_2dtan(state, **{name: settings[name] for name in names})
    moments, trace = model.moments, {}
    with torch.no_grad():
        logits = model(inputs["video"], inputs["words"], inputs["word_counts"], trace)
    span = torch.stack([inputs["starts"], inputs["ends"]], 1) / inputs["durations"][:, None]
    iou = moments.iou(span.float())

    def square(x):  # (B, P, C) → (B, C, N, N)
        return moments.to_map(x).permute(0, 3, 1, 2)

    layers = settings["layers"]
    exact = {f"conv_weight_mask_{i}": trace[f"share_{i}"] for i in range(layers)} | {"mask": moments.mask}
    near = {
        "clip_features": trace["clips"].transpose(1, 2),
        "proposal_map": square(trace["proposals"]),
        "fused": square(trace["fused"]),
        "map_out": trace[f"map_{layers - 1}"],  # the whole square, cells without a candidate too
        "scores": square(logits[..., None]),
        "prob": square(logits.sigmoid()[..., None]),
        "iou_map": moments.to_map(iou),
    }
    assert set(expected) == exact.keys() | near.keys() | {"loss"}
    expected["iou_map"] = expected["iou_map"] * moments.mask  # theirs has numbers below the diagonal too
    for stage, ours in exact.items():
        assert torch.equal(ours, expected[stage]), stage
    far = {stage: deviation(ours, expected[stage]) for stage, ours in near.items()}
    assert all(value < 1e-5 for value in far.values()), far
    loss = moment_loss(logits, iou, settings["min_iou"], settings["max_iou"]).item()
    assert loss == pytest.approx(expected["loss"].item(), rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_every_stage_agrees_with_the_committed_arrays(case):
    check_every_stage(*committed(case))


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_stage_agrees_with_2d_tan(shared, name):
    check_every_stage(*published(shared(f"golden/{name}.npz")))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_reference_is_2d_tan(shared, name):
    """What the committed arrays were made with gives the numbers of the published code, on its own networks."""
    state, inputs, expected, settings = published(shared(f"golden/{name}.npz"))
    found = stages(state, inputs, settings)
    assert found.keys() == expected.keys()
    expected["iou_map"] = expected["iou_map"].triu()
    for stage, value in expected.items():
        if stage == "loss":
            assert found[stage].item() == pytest.approx(value.item(), rel=1e-6)
        elif stage == "mask" or stage.startswith("conv_weight_mask"):
            assert torch.equal(found[stage], value), stage
        else:
            assert deviation(found[stage], value) < 1e-5, stage


def test_the_committed_arrays_are_what_the_script_makes():
    arrays, settings = read()
    assert settings == json.loads(json.dumps(CASES))  # JSON has no tuples
    torch.testing.assert_close(make(), arrays, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_committed_arrays_vary_at_every_stage(case):
    """A map that has faded to nothing, or cells that are all alike, would agree with anything."""
    _, _, expected, _ = committed(case)
    candidates = expected["mask"]
    for stage in ("proposal_map", "fused", "map_out", "scores"):
        values = expected[stage][:, :, candidates]  # (B, C, P)
        assert (values.std(dim=2) > 0.02).any(dim=1).all(), stage
        assert (values[0] - values[1]).abs().max() > 0.02, stage
    assert expected["scores"].abs().max() < 10  # where the sigmoid is not flat
