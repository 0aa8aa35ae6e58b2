"""Files of the published 2D-TAN are read safely; its oddities are named.

That the baseline agrees with it stage by stage is in golden/test_parity.py. Its candidates, averaging, ranking and loss
are held against it where each of ours is tested: test_moments.py (masks), test_features.py (fixed_length),
test_metrics.py (ranking), test_loss.py.
"""

import json
import os

import pytest
import torch

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.features import to_fixed_length
from lgn_lite.interop import PUBLISHED, encode_like_2dtan, load_2dtan, split_on_blanks
from lgn_lite.metrics import mean_iou, temporal_nms
from lgn_lite.moments import Moments, interval_iou

# ---- files


def published(hidden=6, width=5, word_dim=4, layers=8, kernel=5):
    """Random weights under 2D-TAN's names."""
    shapes = {
        "frame_layer.vis_conv": (hidden, width, 1),
        "fusion_layer.tex_linear": (hidden, hidden),
        "fusion_layer.vis_conv": (hidden, hidden, 1, 1),
        "pred_layer": (1, hidden, 1, 1),
        **{f"map_layer.convs.{i}": (hidden, hidden, kernel, kernel) for i in range(layers)},
    }
    lstm = torch.nn.LSTM(word_dim, hidden, num_layers=3).state_dict()
    state = {f"fusion_layer.textual_encoder.{name}": value for name, value in lstm.items()}
    for name, shape in shapes.items():
        state |= {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}
    return state


def save_as_2d_tan(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as torch 1.1 wrote it
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_published_file_needs_its_name_only(tmp_path, prefix):
    state = published()
    named = {prefix + name: value for name, value in state.items()}
    path = save_as_2d_tan(named, tmp_path / "iter004257-0.4094-0.8384.pkl")
    model = load_2dtan(path, **PUBLISHED["charades-sta"])
    assert not model.training
    assert (len(model.moments), model.config.nms, model.config.t_min) == (136, 0.45, 0.5)
    inputs = torch.randn(2, 256, 5), torch.randn(2, 3, 4), torch.tensor([3, 1])
    assert torch.equal(model(*inputs), load_2dtan(named, 16, 16, [16], 5, 16)(*inputs))
    assert torch.equal(model.frames.reduce.weight, state["frame_layer.vis_conv.weight"][:, :, 0])


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_configurations_are_those_of_the_presets(name):
    """Two statements of one table: each is read alone, so neither may drift."""
    ours, theirs = LGNConfig.preset(name), PUBLISHED[name]
    assert theirs["num_clips"] * theirs["clip_pool"] == ours.num_frames == 256
    for setting in ("num_clips", "scales", "kernel", "padding", "nms"):
        assert theirs[setting] == getattr(ours, setting)
    state = published(layers=ours.layers, kernel=ours.kernel)
    model = load_2dtan(state, **theirs)
    assert len(model.moments) == {"charades-sta": 136, "tacos": 2548, "activitynet-captions": 1104}[name]
    limits = {"charades-sta": (0.5, 1.0), "tacos": (0.3, 0.7), "activitynet-captions": (0.5, 1.0)}
    assert (model.config.t_min, model.config.t_max) == limits[name]


class Trap:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_file_is_not_run(tmp_path):
    path = save_as_2d_tan({**published(), "extra": Trap(tmp_path / "ran")}, tmp_path / "evil.pkl")
    with pytest.raises(InputError, match=r"evil\.pkl"):
        load_2dtan(path, **PUBLISHED["charades-sta"])
    assert not (tmp_path / "ran").exists()
    torch.load(path, weights_only=False)  # the trap is a real one
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_named(tmp_path, kept):
    path = save_as_2d_tan(published(), tmp_path / "cut.pkl")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(InputError, match=r"cut\.pkl"):
        load_2dtan(path, **PUBLISHED["charades-sta"])


def without(name):
    return {key: value for key, value in published().items() if key != name}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"resnet.weight": torch.zeros(1)}, r"'resnet\.weight' is no parameter of 2D-TAN"),
        (published() | {"prop_layer.layers.0.0.weight": torch.zeros(1)}, "2D-TAN with pooled candidates"),
        ({"pred_layer.bias": torch.zeros(1)}, r"lacks 'frame_layer\.vis_conv\.weight'"),
        (without("map_layer.convs.3.bias"), r"map_layer\.convs\.3\.bias has shape none, but \(6,\) fits"),
        (published() | {"pred_layer.weight": torch.zeros(2, 6, 1, 1)}, r"pred_layer\.weight has shape \(2, 6\), but"),
        (published() | {"pred_layer.extra": torch.zeros(2)}, r"pred_layer\.extra has shape \(2,\), but none fits"),
        (published() | {"frame_layer.vis_conv.weight": torch.zeros(2)}, "no complete 2D-TAN"),
    ],
)
def test_a_file_of_another_model_is_told_by_its_names(tmp_path, state, message):
    with pytest.raises(InputError, match=message):
        load_2dtan(state, **PUBLISHED["charades-sta"])
    with pytest.raises(InputError, match=rf"other\.pkl: .*{message}"):
        load_2dtan(save_as_2d_tan(state, tmp_path / "other.pkl"), **PUBLISHED["charades-sta"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((6,), float("nan")), "holds numbers that are not finite"),
        (torch.full((6,), 1e30), "holds 1e.30, larger than any weight"),
        (torch.ones(6, dtype=torch.int32), "is of type int32, not floating-point"),
        (torch.ones(6, dtype=torch.complex64), "is of type complex64"),
        ([1.0] * 6, "is a list, not a tensor"),
    ],
)
def test_weights_that_are_none_are_named(tmp_path, value, message):
    state = published() | {"map_layer.convs.0.bias": value}
    with pytest.raises(InputError, match=rf"state_dict: map_layer\.convs\.0\.bias {message}"):
        load_2dtan(state, **PUBLISHED["charades-sta"])
    if isinstance(value, torch.Tensor):
        with pytest.raises(InputError, match=rf"bad\.pkl: map_layer\.convs\.0\.bias {message}"):
            load_2dtan(save_as_2d_tan(state, tmp_path / "bad.pkl"), **PUBLISHED["charades-sta"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kernel": 9}, "kernel=9, but the weights are of 5×5 kernels; give kernel=5"),
        ({"padding": 8}, "padding=8, layers=8, kernel=5: .* set padding=16"),
        ({"num_clips": 0}, "num_clips=0|num_frames=0"),
        ({"scales": ()}, "scales"),
        ({"nmss": 0.5}, "unknown setting nmss"),
    ],
)
def test_settings_that_the_weights_contradict_are_told_with_the_right_ones(wrong, message):
    with pytest.raises(InputError, match=message) as error:
        load_2dtan(published(), **PUBLISHED["charades-sta"] | wrong)
    assert "\n" not in str(error.value)


# ---- oddities


def test_the_last_word_keeps_its_full_stop(shared):
    assert split_on_blanks("He  opens\tthe Fridge, slowly.\n") == ["he", "opens", "the", "fridge,", "slowly."]
    assert split_on_blanks("He sits.", strip_full_stop=True) == ["he", "sits"]
    splits = [json.loads(shared(f"data/tacos/{split}.json").read_text()) for split in ("train", "val", "test")]
    sentences = [sentence for split in splits for video in split.values() for sentence in video["sentences"]]
    last = [split_on_blanks(sentence)[-1] for sentence in sentences]
    glued = sum(len(word) > 1 and word.endswith(".") for word in last)
    assert round(100 * glued / len(sentences)) == 78


def test_words_become_the_vectors_that_2d_tan_sees(tmp_path):
    glove = tmp_path / "glove.txt"
    glove.write_text("".join(f"{word} {n} {-n}\n" for n, word in enumerate(["a", "book", "he", "opens"], start=1)))
    sentence = "He opens a book."
    assert encode_like_2dtan(glove, [sentence], dim=2)(sentence).tolist() == [[3, -3], [4, -4], [1, -1], [0, 0]]
    stripped = encode_like_2dtan(glove, [sentence], strip_full_stop=True, dim=2)(sentence)
    assert stripped[-1].tolist() == [2, -2]


def test_its_mean_of_the_top_three_is_that_of_the_first_answer():
    """Three of the overlaps of the first answer with all true moments: there is one."""
    answers = torch.rand(20, 5, 2, dtype=torch.float64).sort(dim=2).values
    truth = torch.rand(20, 1, 2, dtype=torch.float64).sort(dim=2).values
    overlap = interval_iou(answers[:, :, None], truth[:, None])  # (20, answers, true moments)
    top_three = [overlap[q][0].sort().values[-3:].mean() for q in range(20)]
    assert mean_iou(answers, truth[:, 0]) == pytest.approx(100 * torch.stack(top_three).mean().item())


@pytest.mark.parametrize("name", PUBLISHED)
def test_candidates_alone_fill_the_first_five(name):
    """So it makes no difference that 2D-TAN ranks the other cells too, behind all candidates."""
    moments = Moments(PUBLISHED[name]["num_clips"], PUBLISHED[name]["scales"])
    longest_first = (moments.ends - moments.starts).sort(descending=True, stable=True).indices
    for order in (longest_first, longest_first.flip(0), torch.randperm(len(moments))):
        assert len(temporal_nms(moments.spans()[order], PUBLISHED[name]["nms"], 5)) == 5


def test_averaging_leaves_the_last_row_out_unless_it_stands_alone():
    rows = torch.tensor([[1.0], [2], [4], [8]])
    assert to_fixed_length(rows, 2)[:, 0].tolist() == [1.5, 4]
    assert to_fixed_length(rows, 4)[:, 0].tolist() == [1, 2, 4, 8]
