"""The summary against formulas, against hand calculations at full size, and against a real model that runs."""

import types

import psutil
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lgn_lite.analysis.model_summary import map_cells, map_products, meta_model, readable, summarise_model
from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.moments import Moments


def by_formulas(config, batch, words):
    """{part: (parameters, multiply-adds)}, worked out from the settings alone."""
    T, D, C, H, k = config.num_frames, config.visual_dim, config.hidden, config.text_dim, config.kernel
    V, E, moments = config.vocabulary_size, config.word_dim, Moments(config.num_clips, config.scales)
    layers = config.text_layers if config.text_encoder == "lstm" else 0
    inputs = E + (layers - 1) * H  # of all LSTM layers: the first reads words, the others read states
    lstm = 4 * H * (inputs + layers * H) if layers else 0  # four gates
    f_s = (H if layers else E) * H  # the linear layer after it
    temporal = config.convolution == "temporal"
    P, lengths = (config.num_clips, moments.anchors()[2]) if temporal else (len(moments), 1)
    gates = {"none": 0, "fc7": 1, "both": 2}[config.early] * D * (2 if config.modulation == "scale-shift" else 1)
    fc = D * D if config.has_frame_fc else 0
    fuse_text = H * C if config.fusion_text_fc else 0
    attention = H * C if config.guidance else 0
    parts = {  # weights, biases, multiply-adds of one query
        "word vectors": (V * E, 0, 0),
        "sentence encoder": (lstm + f_s, (8 * layers + 1) * H, words * lstm + f_s),  # two biases a gate
        "early modulation": (gates * H, gates, gates * H),
        "frame FC layer": (fc, D if fc else 0, T * fc),
        "frame reduction": (D * C, C, T * D * C),
        "moment pooling": (0, 0, 0),
        "fusion": (fuse_text + C * C, (C if fuse_text else 0) + C, fuse_text + P * C * C),
        "map convolution": (
            config.layers * k * (1 if temporal else k) * C * C, config.layers * C, products_of_the_map(config) * C * C,
        ),
        "late guidance": (attention, C if attention else 0, attention),
        "score": (lengths * C, lengths, P * lengths * C),
    }  # fmt: skip
    found = {part: (weights + biases, batch * products) for part, (weights, biases, products) in parts.items()}
    return found | {"total": tuple(map(sum, zip(*found.values(), strict=True)))}


def products_of_the_map(config):
    """C × C products: one for each neighbour that exists, or for each cell of the kernel."""
    if config.convolution == "list":
        moments = Moments(config.num_clips, config.scales)
        return config.layers * int((moments.neighbours(config.kernel) < len(moments)).sum())
    return map_cells(config) * config.kernel ** (1 if config.convolution == "temporal" else 2)


def counted_on_a_real_model(config, batch, words):
    """Parameters and multiply-adds of a model that runs, all in all."""
    model = LGN(config).eval()
    inputs = torch.randn(batch, config.num_frames, config.visual_dim), torch.randn(batch, words, config.word_dim)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):
        model(*inputs, torch.full((batch,), words))  # without MKL-DNN an LSTM is matrix products, which are counted
    # the square counts valid cells by one more convolution, of one channel and once for the whole batch
    mask = map_cells(config) * config.kernel**2 if config.convolution == "dense" else 0
    return sum(value.numel() for value in model.parameters()), counter.get_total_flops() // 2 - mask


@pytest.mark.filterwarnings("ignore:TF32")
@pytest.mark.parametrize("convolution", ["list", "dense", "temporal"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"text_encoder": "bag"},
        {
            "early": "none",
            "guidance": 0,
            "text_dim": 8,
            "fusion_text_fc": False,
            "feature": "c3d",
            "vocabulary_size": 0,
        },
        {"early": "fc7", "feature": "fc7", "modulation": "scale-shift"},
        {"early": "none", "text_layers": 3, "guidance": 2, "vocabulary_size": 11},
        {"scales": (2, 1), "num_clips": 8, "kernel": 5, "padding": 4},
    ],
)
def test_every_part_is_what_the_formulas_say(tiny_config, convolution, settings):
    config = tiny_config(convolution=convolution, **settings)
    summary = summarise_model(config, batch=2, words=3)
    ours = {part: (row.parameters, row.multiply_adds) for part, row in summary.iterrows()}
    assert ours == by_formulas(config, batch=2, words=3)
    assert ours["total"] == counted_on_a_real_model(config, batch=2, words=3)
    assert map_products(config) == products_of_the_map(config)


def test_charades_sta_by_hand():
    """D 4096, T 256, H = C 512, P 136, 8 words; the numbers written out."""
    summary = summarise_model(LGNConfig.preset("charades-sta", vocabulary_size=1000), words=8)
    hand = {
        "word vectors": (1000 * 300, 0),
        # four gates, in three layers: the first reads 300 numbers and 512 states, the others 512 and 512
        "sentence encoder": (
            4 * 512 * (812 + 1024 + 1024) + 3 * 8 * 512 + 512 * 512 + 512,
            8 * 4 * 512 * (812 + 1024 + 1024) + 512 * 512,
        ),
        "early modulation": (2 * (512 * 4096 + 4096), 2 * 512 * 4096),
        "frame FC layer": (4096 * 4096 + 4096, 256 * 4096 * 4096),
        "frame reduction": (4096 * 512 + 512, 256 * 4096 * 512),
        "moment pooling": (0, 0),
        "fusion": (2 * (512 * 512 + 512), 512 * 512 + 136 * 512 * 512),
        "late guidance": (512 * 512 + 512, 512 * 512),
        "score": (513, 136 * 512),
    }
    for part, (parameters, products) in hand.items():
        assert (summary.parameters[part], summary.multiply_adds[part]) == (parameters, products), part
    # a neighbour (start + i, end + j), −2 <= i, j <= 2, exists where start <= end still and both lie in 0 … 15
    cells = [(start, end) for start in range(16) for end in range(start, 16)]
    pairs = sum((s + i, e + j) in cells for s, e in cells for i in range(-2, 3) for j in range(-2, 3))
    assert pairs == 2636
    convolutions = 8 * (25 * 512 * 512 + 512)
    assert (summary.parameters["map convolution"], summary.multiply_adds["map convolution"]) == (
        convolutions,
        8 * 2636 * 512 * 512,
    )
    assert (
        summary.parameters["total"] == sum(parameters for parameters, _ in hand.values()) + convolutions == 82_735_073
    )
    assert summary.multiply_adds["total"] == summary.multiply_adds[:-1].sum()


def test_charades_sta_s_square_by_hand():
    """48 cells a side with the padding; each 5 × 5 layer takes four away."""
    dense, listed = (
        summarise_model(LGNConfig.preset("charades-sta", convolution=convolution)) for convolution in ("dense", "list")
    )
    cells = 44**2 + 40**2 + 36**2 + 32**2 + 28**2 + 24**2 + 20**2 + 16**2
    assert dense.multiply_adds["map convolution"] == cells * 25 * 512 * 512
    assert (dense.parameters == listed.parameters).all()
    same = dense.index.drop(["map convolution", "total"])
    assert (dense.multiply_adds[same] == listed.multiply_adds[same]).all()


@pytest.mark.parametrize(("name", "ratio"), [("charades-sta", 7.2), ("tacos", 7.9)])
def test_the_square_works_out_many_cells_that_do_not_matter(name, ratio):
    dense, listed = (map_cells(LGNConfig.preset(name, convolution=convolution)) for convolution in ("dense", "list"))
    assert round(dense / listed, 1) == ratio


def test_no_weight_is_made(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(total=1))  # no memory to hold it
    huge = LGNConfig.preset("tacos", visual_dim=60_000)  # 16 GB
    assert summarise_model(huge).parameters["total"] == by_formulas(huge, 1, 8)["total"][0] > 3e9
    model, _ = meta_model(huge, batch=1, words=1)
    assert all(value.is_meta for value in (*model.parameters(), *model.buffers()))


def test_a_batch_costs_as_many_queries(tiny_config):
    one, five = (summarise_model(tiny_config(), batch=batch) for batch in (1, 5))
    assert (five.multiply_adds == 5 * one.multiply_adds).all()
    assert (five.parameters == one.parameters).all()
    with pytest.raises(InputError, match="batch=0, words=8"):
        summarise_model(tiny_config(), batch=0)


def test_readable_numbers():
    shown = readable(summarise_model(LGNConfig.preset("charades-sta", convolution="dense", guidance=0)))
    assert shown.loc["frame FC layer"].tolist() == ["16.8 M", "4.29 G", "7.6 %", "256 frames, 4096 → 4096"]
    assert shown.loc["late guidance"].tolist() == ["0", "0", "0.0 %", "none"]
    assert shown.loc["word vectors", "shape"] == "given with each sentence"
    assert shown.loc["total", "share"] == "100.0 %"
    assert "7,872 cells" in shown.to_string()
    tacos = readable(summarise_model(LGNConfig.preset("tacos", convolution="dense")))
    assert tacos.loc["map convolution", "multiply-adds"] == "1.06 T"
