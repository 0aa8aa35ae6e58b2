"""The settings: presets, refusals, JSON."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.config import PRESETS, LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.moments import Moments


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load_in_both_convolutions(name):
    for convolution in ("list", "dense"):
        config = LGNConfig.preset(name, convolution=convolution)
        assert config.convolution == convolution
        assert all(getattr(config, key) == value for key, value in PRESETS[name].items())


@pytest.mark.parametrize(("name", "candidates"), [("charades-sta", 136), ("tacos", 2548)])
def test_presets_have_the_published_candidates(name, candidates):
    config = LGNConfig.preset(name)
    assert len(Moments(config.num_clips, config.scales)) == candidates


def test_the_paper_s_preset_is_the_paper_s():
    config = LGNConfig.preset("charades-sta")
    assert (config.num_clips, config.hidden, config.layers, config.kernel) == (16, 512, 8, 5)
    assert (config.guidance_norm, config.guidance_scale, config.modulation) == ("cell", "unit", "product")


def test_a_preset_s_settings_can_be_replaced():
    config = LGNConfig.preset("toy", hidden=16, guidance=0)
    assert (config.hidden, config.guidance) == (16, 0)
    assert config.override(hidden=PRESETS["toy"]["hidden"], guidance=PRESETS["toy"]["guidance"]) == (
        LGNConfig.preset("toy")
    )


def test_unknown_names_are_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"no preset 'charades': choose one of charades-sta, tacos"):
        LGNConfig.preset("charades")
    with pytest.raises(InputError, match=r"unknown setting hiden, lr; known are visual_dim, .*, nms"):
        LGNConfig().override(hiden=3, lr=1, layers=8)
    with pytest.raises(InputError, match=r"unknown setting hiden"):
        LGNConfig.from_dict({"hiden": 3})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"early": "fc6"}, r"early='fc6': choose one of 'none', 'fc7', 'both'"),
        ({"convolution": "sparse"}, "convolution='sparse'"),
        ({"guidance_norm": None}, "guidance_norm=None"),
        ({"hidden": 0}, "hidden=0: must be at least 1"),
        ({"layers": 0, "guidance": 0}, "layers=0"),
        ({"num_frames": 100}, "num_frames must be a multiple of num_clips"),
        ({"scales": ()}, "scales"),
        ({"scales": (16, 0)}, "scales"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"guidance": 9}, "guidance must lie between 0 and layers"),
        ({"guidance": -1}, "guidance must lie between 0 and layers"),
        ({"frame_dropout": 1.0}, "frame_dropout"),
        ({"t_min": 0.5, "t_max": 0.5}, "t_min < t_max"),
        ({"t_max": 1.1}, "t_max <= 1"),
        ({"nms": 0.0}, "nms"),
        ({"convolution": "dense", "padding": 8}, "dense: 2·padding must be layers"),
    ],
)
def test_wrong_and_contradictory_settings_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        LGNConfig(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hidden": "wide"}, "hidden='wide'"),
        ({"hidden": 1.5}, "hidden=1.5"),
        ({"num_frames": None}, "num_frames=None"),
        ({"scales": 16}, "scales=16"),
        ({"scales": [1.5]}, "scales"),
        ({"t_max": "1"}, "t_max='1'"),
        ({"fusion_text_fc": "no"}, "fusion_text_fc='no'"),
    ],
)
def test_values_of_another_type_are_refused(wrong, message):
    """They come from JSON files and from `lgn-lite train -s hidden=wide`."""
    with pytest.raises(InputError, match=message):
        LGNConfig(**wrong)


def test_a_whole_number_will_do_for_a_fraction():
    assert LGNConfig(t_min=0, t_max=1) == LGNConfig(t_min=0.0, t_max=1.0)


@settings(max_examples=50, deadline=None)
@given(
    preset=st.sampled_from(list(PRESETS)),
    scales=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    early=st.sampled_from(["none", "fc7", "both"]),
    nms=st.floats(0.01, 1),
    fusion=st.booleans(),
)
def test_settings_survive_json(preset, scales, early, nms, fusion):
    config = LGNConfig.preset(preset, scales=scales, early=early, nms=nms, fusion_text_fc=fusion)
    again = LGNConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert hash(again) == hash(config)  # also the scales are a tuple again


def test_settings_cannot_be_changed_behind_the_model_s_back(tiny_config):
    config = LGN(tiny_config()).config
    with pytest.raises(AttributeError):
        config.hidden = 3


@pytest.mark.parametrize(
    ("feature", "early", "has"),
    [("fc6", "none", True), ("fc7", "none", False), ("c3d", "none", False), ("c3d", "fc7", True)],
)
def test_a_second_fc_layer_is_there_for_fc6_or_early_modulation(tiny_config, feature, early, has):
    config = tiny_config(feature=feature, early=early)
    assert config.has_frame_fc == has
    assert (LGN(config).frames.fc is not None) == has
