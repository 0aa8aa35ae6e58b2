"""The size of a model: its parameters and multiply-adds, part by part, as PyTorch counts them.

The model is laid out on PyTorch's meta device, which knows shapes and nothing else: no weight is allocated, and a
summary of the full-size model takes a second. Multiply-adds are those of matrix products and convolutions, forward;
what is done element by element (gates, ReLU, norms, pooling) is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.moments import Moments

if TYPE_CHECKING:  # pandas is slow to import
    import pandas as pd

PART_LAYERS = {  # in the order of the data: how the names of the model's layers begin
    "word vectors": ("sentence.embedding",),
    "sentence encoder": ("sentence.lstm", "sentence.linear"),
    "early modulation": ("frames.unit1", "frames.unit2"),
    "frame FC layer": ("frames.fc",),
    "frame reduction": ("frames.reduce",),
    "moment pooling": ("moments",),
    "fusion": ("fuse_text", "fuse_video"),
    "map convolution": ("convolutions",),
    "late guidance": ("attention",),
    "score": ("score",),
}


def summarise_model(config: LGNConfig, batch: int = 1, words: int = 8) -> pd.DataFrame:
    """Parameters and multiply-adds of each part of the model, in the order of the data, and in all.

    batch: queries; words: of each sentence. Returns a row per part, with columns `parameters`, `multiply_adds` (of the
    whole batch) and `shape`, the sizes in words; `readable` makes it fit to print. Raises InputError for fewer than
    one of either.
    """
    import pandas as pd

    if batch < 1 or words < 1:
        raise InputError(f"batch={batch}, words={words}: both must be at least 1")
    model, inputs = meta_model(config, batch, words=1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(*inputs)
    products = layer_products(model, counter)
    if "sentence.lstm" in products:  # a loop over the words, of which one has been counted
        products["sentence.lstm"] *= words
    sizes = {name: sum(value.numel() for value in model.get_submodule(name).parameters()) for name in products}
    rows = [
        [sum(of[name] for name in products if name.startswith(names)) for of in (sizes, products)]
        for names in PART_LAYERS.values()
    ]
    frame = pd.DataFrame(rows, index=pd.Index(PART_LAYERS, name="part"), columns=["parameters", "multiply_adds"])
    frame["shape"] = pd.Series(_shapes(model, words))
    queries = "1 query" if batch == 1 else f"{batch} queries"
    frame.loc["total"] = [frame["parameters"].sum(), frame["multiply_adds"].sum(), queries]
    return frame


def meta_model(config: LGNConfig, batch: int, words: int) -> tuple[LGN, tuple[Tensor, Tensor, Tensor]]:
    """A model without numbers, and inputs of the sizes of a batch, for FlopCounterMode."""
    with torch.device("meta"):
        model = LGN(config).to("meta")  # its tables of indices too
        video = torch.empty(batch, config.num_frames, config.visual_dim)
        known = config.vocabulary_size > 0  # words by number
        sentences = torch.empty(batch, words, dtype=torch.long) if known else torch.empty(batch, words, config.word_dim)
        return model, (video, sentences, torch.empty(batch, dtype=torch.long))


def layer_products(model: LGN, counter: FlopCounterMode) -> dict[str, int]:
    """{layer: multiply-adds} of a forward pass.

    The square map's count of valid cells is a convolution too, but in none of the layers, and is left out.
    """
    flops = {name: sum(operations.values()) for name, operations in counter.get_flop_counts().items()}
    layers = [name for name, layer in model.named_modules() if not list(layer.children())]
    return {name: flops.get(f"LGN.{name}", 0) // 2 for name in layers}


def _shapes(model: LGN, words: int) -> dict[str, str]:
    """The sizes of each part, in words."""
    config, moments = model.config, model.moments
    T, D, C, H, E, N = (
        config.num_frames, config.visual_dim, config.hidden, config.text_dim, config.word_dim, config.num_clips,
    )  # fmt: skip
    V, k, lstm, units = config.vocabulary_size, config.kernel, model.sentence.lstm, model.frames.units()
    fused = f"{N} clips" if model.temporal else f"{len(moments):,} candidates"
    if model.temporal:
        kernel, cells, where = k, "clips", "in time"
    else:
        kernel, cells, where = f"{k}×{k}", "cells", f"map {N}×{N}"
    return {
        "word vectors": f"{V:,} words × {E}" if V else "given with each sentence",
        "sentence encoder": f"{words} words, {f'LSTM of {lstm.num_layers} × {H}' if lstm else 'mean'}, linear",
        "early modulation": f"{len(units)} × {H} → {units[0].project.out_features}" if units else "none",
        "frame FC layer": f"{T} frames, {D} → {D}" if model.frames.fc else "none",
        "frame reduction": f"{T} frames, {D} → {C}",
        "moment pooling": "none" if model.temporal else f"{N} clips → {fused}",
        "fusion": f"{fused} and the sentence → {C}",
        "map convolution": (
            f"{config.layers} × {kernel}, {map_cells(config):,} {cells} ({config.convolution}, {where})"
        ),
        "late guidance": f"{config.guidance} modules share {H} → {C}" if model.attention else "none",
        "score": f"{fused}, {C} → {model.score.out_features}",
    }


def map_cells(config: LGNConfig) -> int:
    """Cells that all map layers together work out: the candidates, the padded square that shrinks, or the clips."""
    if config.convolution == "temporal":
        return config.layers * config.num_clips
    if config.convolution == "list":
        return config.layers * len(Moments(config.num_clips, config.scales))
    side = config.num_clips + 2 * config.padding  # of the input of the first layer
    return sum((side - (i + 1) * (config.kernel - 1)) ** 2 for i in range(config.layers))


def map_products(config: LGNConfig) -> int:
    """C × C products of all map layers: one for each neighbour that exists, or for each cell of the kernel."""
    return int(summarise_model(config)["multiply_adds"]["map convolution"]) // config.hidden**2


def readable(summary: pd.DataFrame) -> pd.DataFrame:
    """A summary as text: thousands, millions and billions shortened, with each part's share of the multiply-adds."""
    total = summary["multiply_adds"].iloc[-1]
    shown = summary[["parameters", "multiply_adds"]].map(_short)
    shown["share"] = [f"{100 * products / total:.1f} %" for products in summary["multiply_adds"]]
    return shown.assign(shape=summary["shape"]).rename(columns={"multiply_adds": "multiply-adds"})


def _short(number: int) -> str:
    for size, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)
