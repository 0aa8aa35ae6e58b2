"""The settings: presets, refusals, JSON, the printed table."""

import json
import re
from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lgn_lite.config import PRESETS, LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.moments import Moments


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load_in_all_convolutions(name):
    for convolution in ("list", "dense", "temporal"):
        config = LGNConfig.preset(name, convolution=convolution)
        assert config.convolution == convolution
        assert all(getattr(config, key) == value for key, value in PRESETS[name].items())


@pytest.mark.parametrize(("name", "candidates"), [("charades-sta", 136), ("tacos", 2548)])
def test_presets_have_the_published_candidates(name, candidates):
    config = LGNConfig.preset(name)
    assert len(Moments(config.num_clips, config.scales)) == candidates


# The paper's sections 3 and 4.3, and what it takes over from 2D-TAN's configuration files
PAPER = dict(
    num_frames=256, hidden=512, word_dim=300, text_dim=512, text_layers=3, word_vectors="frozen", padding=16,
    early="both", modulation="product", fusion_text_fc=True, guidance_norm="cell", guidance_scale="unit",
    frame_dropout=0.75,
)  # fmt: skip
OWN = {
    "charades-sta": dict(
        visual_dim=4096, feature="fc6", frame_norm="none", num_clips=16, scales=(16,), layers=8, kernel=5, guidance=6,
        t_min=0.0, t_max=0.5, nms=0.45,
    ),
    "tacos": dict(
        visual_dim=4096, feature="c3d", frame_norm="l2", num_clips=128, scales=(16, 8, 8, 8), layers=8, kernel=5,
        guidance=6, t_min=0.0, t_max=0.5, nms=0.4,
    ),
    "activitynet-captions": dict(
        visual_dim=500, feature="c3d", frame_norm="l2", num_clips=64, scales=(16, 8, 8), layers=4, kernel=9,
        guidance=4, t_min=0.5, t_max=1.0, nms=0.5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_presets_are_the_paper_s_and_2d_tan_s(name):
    config = LGNConfig.preset(name)
    expected = PAPER | OWN[name]
    assert {setting: getattr(config, setting) for setting in expected} == expected
    free = {"vocabulary_size", "text_encoder", "convolution", "init", "pooling"}  # ours
    free |= {"fusion_by", "guidance_at", "guidance_by"}
    assert {field.name for field in fields(config)} == expected.keys() | free


def test_released_fc7_features_take_the_place_of_fc6():
    """They are stored after their ReLU: unit on the feature, a new FC layer, unit (4.3)."""
    config = LGNConfig.preset("charades-sta", feature="fc7", frame_norm="l2", visual_dim=12, hidden=8)
    model = LGN(config)
    assert config.has_frame_fc and len(model.frames.units()) == 2 and not model.frames.relu_first
    video = torch.nn.functional.normalize(torch.rand(2, 256, 12), dim=-1)
    logits = model.eval()(video, torch.randn(2, 3, 300), torch.tensor([3, 2]))
    assert logits.shape == (2, 136) and logits.std() > 1e-3


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
        ({"frame_norm": "L2"}, "frame_norm='L2': choose one of 'none', 'l2'"),
        ({"guidance_norm": None}, "guidance_norm=None"),
        ({"hidden": 0}, "hidden=0: must be at least 1"),
        ({"layers": 0, "guidance": 0}, "layers=0: must be at least 1"),
        ({"kernel": -1}, "kernel=-1: must be at least 1"),
        ({"padding": -1}, "padding=-1: must be at least 0"),
        ({"vocabulary_size": -5}, "vocabulary_size=-5: must be at least 0"),
        ({"guidance": -1}, "guidance=-1: must be at least 0"),
        ({"scales": ()}, r"scales=\(\)"),
        ({"scales": (16, 0)}, r"scales=\(16, 0\)"),
        ({"kernel": 4}, "kernel=4: must be odd"),
        ({"frame_dropout": 1.0}, r"frame_dropout=1.0: must lie in \[0, 1\)"),
        ({"frame_dropout": float("nan")}, "frame_dropout=nan"),
        ({"nms": 0.0}, "nms=0.0"),
        ({"nms": float("nan")}, "nms=nan"),
        ({"num_frames": 100}, "contradictory settings num_frames=100, num_clips=16: num_frames must be a multiple"),
        ({"guidance": 9}, "contradictory settings guidance=9, layers=8: a guidance module follows a map layer"),
        ({"t_min": 0.5, "t_max": 0.5}, "contradictory settings t_min=0.5, t_max=0.5: 0 <= t_min < t_max <= 1"),
        ({"t_min": float("nan")}, "t_min=nan"),
        ({"t_max": float("inf")}, "t_max=inf"),
        ({"t_max": 1.1}, "t_max=1.1"),
        ({"fusion_text_fc": False, "hidden": 64}, "fusion_text_fc=False, text_dim=512, hidden=64: f_s can enter"),
        ({"fusion_by": "nothing", "fusion_text_fc": False}, "fusion_by='nothing', fusion_text_fc=False: without the"),
        ({"convolution": "dense", "padding": 8}, "convolution='dense', padding=8, layers=8, kernel=5: .* padding=16"),
    ],
)
def test_wrong_and_contradictory_settings_are_refused(wrong, message):
    with pytest.raises(InputError, match=message) as error:
        LGNConfig(**wrong)
    named = re.findall(r"\w+(?==)", str(error.value).split(": ")[0])
    assert set(wrong) & set(named) and len(named) <= 4  # the settings concerned, not all of them


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hidden": "wide"}, "hidden='wide'"),
        ({"hidden": 1.5}, "hidden=1.5"),
        ({"num_frames": None}, "num_frames=None"),
        ({"scales": 16}, "scales=16"),
        ({"scales": [1.5]}, "scales"),
        ({"scales": [True]}, "scales"),
        ({"layers": True}, "layers=True: must be of type int"),
        ({"t_max": True}, "t_max=True: must be of type float"),
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


def test_settings_without_effect_are_no_contradiction():
    """An ablation leaves a part out and keeps the settings of it."""
    assert LGNConfig(guidance=0, guidance_at="first", guidance_norm="map").guidance == 0
    assert LGNConfig(early="none", modulation="scale-shift", padding=0).early == "none"
    assert len(Moments(16, LGNConfig(scales=(16, 8)).scales)) == 136  # what would reach past the video is left out


@settings(max_examples=50, deadline=None)
@given(
    preset=st.sampled_from(list(PRESETS)),
    scales=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    early=st.sampled_from(["none", "fc7", "both"]),
    nms=st.floats(0.01, 1),
    modulation=st.sampled_from(["product", "scale-shift"]),
)
def test_settings_survive_json(preset, scales, early, nms, modulation):
    config = LGNConfig.preset(preset, scales=scales, early=early, nms=nms, modulation=modulation)
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


# ---- the printed table


def test_every_setting_is_explained_once_in_the_class_and_printed_in_its_group():
    table = LGNConfig().table()
    printed = [name.removesuffix(" *") for rows in table.values() for name, _, _ in rows]
    assert printed == [field.name for field in fields(LGNConfig)]
    assert all(len(meaning) > 10 for rows in table.values() for _, _, meaning in rows)
    assert all(name.startswith("guidance") for name, _, _ in table["late guidance, eq. 3"])
    meanings = {name: meaning for rows in table.values() for name, _, meaning in rows}
    assert meanings["num_clips"].startswith("N, the side of the map")


def test_settings_print_as_an_aligned_table():
    config = LGNConfig.preset("tacos")
    lines = str(config).splitlines()
    rows = [line for line in lines if line.startswith("  ")]
    assert len(rows) == len(fields(config)) and max(map(len, lines)) <= 120
    scales = next(line for line in rows if "scales" in line)
    assert re.fullmatch(r"  scales \*          \(16, 8, 8, 8\)   candidate lengths .*", scales)
    meanings = [meaning for group in config.table().values() for _, _, meaning in group]
    assert {line.index(meaning) for line, meaning in zip(rows, meanings, strict=True)} == {36}  # one column


def test_what_is_not_the_paper_s_is_marked():
    marked = re.findall(r"(\w+) \*", str(LGNConfig.preset("charades-sta", hidden=64, nms=0.5)))
    assert marked == ["hidden", "nms"]


def test_a_notebook_shows_the_same_table():
    html = LGNConfig.preset("tacos")._repr_html_()
    assert html.count("<tr>") == len(fields(LGNConfig)) + len(LGNConfig().table())
    assert '<td style="text-align: left">scales *</td>' in html
    assert "VGG&#x27;s fc7" in html  # escaped


# ---- sizes that no machine has


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"hidden": 10**12}, "hidden=1000000000000: the model would have 201,000,000,0.* parameters, .* GB"),
        ({"layers": 10**6}, "layers=1000000: the model would have .* parameters"),
        ({"layers": 10**6, "hidden": 2, "visual_dim": 2, "text_dim": 2}, "layers=1000000"),
        ({"text_layers": 10**9}, "text_layers=1000000000: the model would have"),
        ({"kernel": 10**6 + 1}, "kernel=1000001: the model would have"),
        ({"vocabulary_size": 10**12}, "vocabulary_size=1000000000000: the model would have"),
        ({"word_dim": 10**9, "vocabulary_size": 5000}, "word_dim=1000000000"),
        ({"text_dim": 10**8}, "text_dim=100000000"),
        ({"visual_dim": 10**7}, "visual_dim=10000000"),
        ({"num_clips": 10**6, "num_frames": 10**6}, "num_clips=1000000: the map would have 1,000,000,000,000 cells"),
        ({"num_clips": 30_000, "num_frames": 30_000, "scales": (30_000,)}, "one query would take"),
        ({"num_frames": 2**40}, "num_frames=1099511627776: one query would take"),
        ({"padding": 10**9, "convolution": "dense"}, "padding=1000000000: one query would take"),
        ({"scales": (10**9,)}, "scales=.1000000000,."),
        ({"scales": (1,) * 1000}, "scales="),
        ({"hidden": 10**5000}, "hidden=an integer of some 5,000 digits: must be at most"),
        ({"layers": -(10**5000)}, "layers=an integer of some 5,000 digits: must be at least 1"),
        ({"scales": (10**5000,)}, r"scales=\(an integer of some 5,000 digits,\)"),
        ({"t_max": 10**400}, "t_max=1000.*…000"),
        ({"early": "x" * 10**6}, "early='xxx"),
    ],
)
def test_sizes_that_fit_into_no_memory_are_refused_at_once(wrong, named):
    """Before anything is allocated, in one short line with the setting and what it would take."""
    with pytest.raises(InputError, match=named) as error:
        LGNConfig(**wrong)
    assert len(str(error.value)) < 400 and "\n" not in str(error.value)


@pytest.mark.parametrize("convolution", ["list", "dense", "temporal"])
@pytest.mark.parametrize(
    "settings",
    [
        {}, {"early": "none", "guidance": 0}, {"early": "fc7"}, {"text_encoder": "bag"}, {"modulation": "scale-shift"},
        {"vocabulary_size": 9}, {"fusion_text_fc": False, "text_dim": 32}, {"feature": "c3d", "early": "none"},
        {"text_layers": 3}, {"scales": (3, 2, 1)}, {"pooling": "max"},
    ],
)  # fmt: skip
def test_parameters_and_candidates_are_counted_without_a_model(convolution, settings):
    config = LGNConfig.preset("toy", convolution=convolution, **settings)
    model = LGN(config)
    assert config.parameters == sum(weight.numel() for weight in model.parameters())
    lengths = (model.moments.end_index - model.moments.start_index + 1).tolist()
    assert config.lengths.keys() == set(lengths)
    assert config.candidates == len(lengths)


def test_a_model_larger_than_this_machine_is_refused(monkeypatch):
    class Memory:
        total = 10**6

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    LGN(LGNConfig.preset("toy", hidden=8, text_dim=8, visual_dim=8))
    with pytest.raises(InputError, match=r"a model of [\d,]+ parameters takes .* GB, this machine has"):
        LGN(LGNConfig.preset("toy", hidden=512))
