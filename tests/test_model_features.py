"""Stored fc6, stored fc7 and C3D: the order of operations up to the clips, and what averaging may not cross."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lgn_lite.features import to_fixed_length
from lgn_lite.model import EarlyModulation, FrameLayers
from lgn_lite.video.vgg import VGGFrames

# What happens to a stored feature (paper, section 3.3 and 4.3): u unit, r ReLU, d dropout, f fully connected layer.
# fc6 is stored before its ReLU, fc7 and C3D's fc6 after it.
ORDER = {
    ("fc6", "none"): "rdfrd",
    ("fc6", "fc7"): "rdfurd",
    ("fc6", "both"): "urdfurd",
    ("fc7", "none"): "",
    ("fc7", "fc7"): "furd",
    ("fc7", "both"): "ufurd",
}
ORDER |= {("c3d", early): ORDER["fc7", early] for early in ("none", "fc7", "both")}


def by_hand(order: str, layers: FrameLayers, video: Tensor, sentence: Tensor, dropout) -> Tensor:
    units = iter(layers.units())
    x = video
    for step in order:
        if step == "u":  # eq. 2: F = (W_M f_s) ∘ f_v
            project = next(units).project
            x = (sentence @ project.weight.T + project.bias)[:, None, :] * x
        elif step == "f":
            x = x @ layers.fc.weight.T + layers.fc.bias
        else:
            x = x.clamp(min=0) if step == "r" else dropout(x)
    assert next(units, None) is None
    return x


@pytest.fixture
def layers(tiny_config):
    """`layers("fc6", "both")`: the frame layers with gates far from neutral."""

    def make(feature: str, early: str) -> FrameLayers:
        made = FrameLayers(tiny_config(feature=feature, early=early, frame_dropout=0.5))
        for unit in made.units():
            torch.nn.init.normal_(unit.project.weight)
        return made

    return make


@pytest.mark.parametrize(("feature", "early"), ORDER)
def test_the_order_of_operations_is_the_paper_s(layers, feature, early):
    """With dropout at work: a stand-in that halves what it is given shows each place where it stands."""
    frames = layers(feature, early)
    assert [type(unit) for unit in frames.units()] == [EarlyModulation] * ORDER[feature, early].count("u")
    video, sentence, trace = torch.randn(2, 8, 6), torch.randn(2, 10), {}
    halve = torch.nn.Module()
    halve.forward = lambda x: x / 2 - 0.1  # an offset too, so that its place among linear layers matters
    frames.dropout = halve
    clips = frames(video, sentence, trace)
    expected = by_hand(ORDER[feature, early], frames, video, sentence, halve)
    torch.testing.assert_close(trace["frames"], expected)
    reduced = F.relu(expected @ frames.reduce.weight.T + frames.reduce.bias)
    torch.testing.assert_close(clips, reduced.view(2, 4, 2, -1).mean(2))  # 8 frames, 4 clips


@pytest.mark.parametrize(("feature", "early"), ORDER)
def test_dropout_drops_in_training_where_the_model_holds_the_layer(layers, feature, early):
    frames, drops = layers(feature, early), []
    frames.dropout.register_forward_hook(lambda _, given, made: drops.append(not torch.equal(given[0], made)))
    frames.train()(torch.rand(2, 8, 6) + 1, torch.randn(2, 10))
    assert drops == [True] * ORDER[feature, early].count("d")
    frames.eval()
    video, sentence = torch.randn(2, 8, 6), torch.randn(2, 10)
    assert torch.equal(frames(video, sentence), frames(video, sentence))


def with_fc7_of(encoder: VGGFrames, config) -> FrameLayers:
    """Frame layers over stored fc6 that start from a VGG's own fc7, with gates that change nothing."""
    frames = FrameLayers(config.override(visual_dim=encoder.dim, feature="fc6", early="both")).eval()
    frames.fc.load_state_dict(encoder.classifier[3].state_dict())
    for unit in frames.units():
        torch.nn.init.zeros_(unit.project.weight)
        torch.nn.init.ones_(unit.project.bias)
    return frames


def test_stored_fc6_through_the_model_is_the_network_s_own_fc7(tiny_config):
    encoder = VGGFrames.small(3, width=12, image_size=16)
    frames = torch.randint(0, 256, (8, 16, 16, 3), dtype=torch.uint8)
    fc6 = encoder.extract(frames)
    encoder.layer = "fc7"
    fc7 = encoder.extract(frames)
    assert (fc6 < 0).any() and (fc7 >= 0).all() and (fc7 > 0).any()
    trace = {}
    with_fc7_of(encoder, tiny_config())(fc6[None], torch.randn(1, 10), trace)
    torch.testing.assert_close(trace["frames"][0], fc7)


def test_fc7_of_the_mean_is_not_the_mean_of_fc7(tiny_config):
    """fc6 is averaged to fixed length before the model's ReLU and fc7, which are not linear: it is an approximation.

    It is exact where nothing is averaged, and where the averaged frames are alike.
    """
    encoder = VGGFrames.small(3, width=12, image_size=16)
    model, sentence = with_fc7_of(encoder, tiny_config()), torch.zeros(1, 10)
    fc6 = torch.randn(16, 12)

    def fc7(rows: Tensor) -> Tensor:
        trace = {}
        model(rows[None], sentence, trace)
        return trace["frames"][0]

    of_mean, mean_of = fc7(to_fixed_length(fc6, 8)), to_fixed_length(fc7(fc6), 8)
    assert (of_mean - mean_of).abs().max() > 0.1 * mean_of.abs().max()
    torch.testing.assert_close(fc7(to_fixed_length(fc6, 16)), to_fixed_length(fc7(fc6), 16))
    alike = fc6[:8].repeat_interleave(2, 0)
    torch.testing.assert_close(fc7(to_fixed_length(alike, 8)), to_fixed_length(fc7(alike), 8))
