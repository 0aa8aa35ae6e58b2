"""What a model weighs: parameters and multiply-adds, part by part, worked out from the settings alone.

No weight is allocated, so a summary of the full-size model takes milliseconds. Multiply-adds are those of matrix
products and convolutions, forward; what is done element by element (gates, ReLU, norms, pooling) is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.moments import Moments

if TYPE_CHECKING:  # pandas is slow to import
    import pandas as pd


def model_summary(config: LGNConfig, batch: int = 1, words: int = 8) -> pd.DataFrame:
    """Parameters and multiply-adds of each part of the model, in the order of the data, and in all.

    batch: queries; words: of each sentence. Returns a row a part, with columns `parameters`, `multiply_adds` (of the
    whole batch) and `shape`, the sizes in words; `readable` makes it fit to print. Raises InputError for
    fewer than one of either.
    """
    import pandas as pd

    if batch < 1 or words < 1:
        raise InputError(f"batch={batch}, words={words}: both must be at least 1")
    T, D, C = config.num_frames, config.visual_dim, config.hidden
    moments = Moments(config.num_clips, config.scales)
    H, P = config.text_dim, len(moments)
    V, E, k = config.vocabulary_size, config.word_dim, config.kernel
    layers = config.text_layers if config.text_encoder == "lstm" else 0
    inputs = E + (layers - 1) * H  # of all LSTM layers: the first reads words, the others read states
    lstm = 4 * H * (inputs + layers * H) if layers else 0  # four gates
    f_s = (H if layers else E) * H  # the linear layer after it
    temporal, lengths = config.convolution == "temporal", 1
    fused = f"{P:,} candidates"
    if temporal:  # the clips go on, and each is scored for every length
        P, lengths, fused = config.num_clips, moments.anchors()[2], f"{config.num_clips} clips"
    units = {"none": 0, "fc7": 1, "both": 2}[config.early]
    gates = units * D * (2 if config.modulation == "scale-shift" else 1)  # what W_M gives, of all units
    fc = D * D if config.has_frame_fc else 0
    fuse_text = H * C if config.fusion_text_fc else 0
    attention = H * C if config.guidance else 0
    side = f"{config.num_clips}×{config.num_clips}"

    rows = {  # part: (weights, biases, multiply-adds of one query, sizes)
        "word vectors": (V * E, 0, 0, f"{V:,} words × {E}" if V else "given with each sentence"),
        "sentence encoder": (
            lstm + f_s,
            (8 * layers + 1) * H,  # PyTorch's LSTM has two biases a gate
            words * lstm + f_s,
            f"{words} words, {f'LSTM of {layers} × {H}' if layers else 'mean'}, linear",
        ),
        "early modulation": (gates * H, gates, gates * H, f"{units} × {H} → {gates // units}" if units else "none"),
        "frame FC layer": (fc, D if fc else 0, T * fc, f"{T} frames, {D} → {D}" if fc else "none"),
        "frame reduction": (D * C, C, T * D * C, f"{T} frames, {D} → {C}"),
        "moment pooling": (0, 0, 0, "none" if temporal else f"{config.num_clips} clips → {fused}"),
        "fusion": (
            fuse_text + C * C,
            (C if fuse_text else 0) + C,
            fuse_text + P * C * C,
            f"{fused} and the sentence → {C}",
        ),
        "map convolution": (
            config.layers * k * (1 if temporal else k) * C * C,
            config.layers * C,
            map_products(config) * C * C,
            f"{config.layers} × {k if temporal else f'{k}×{k}'}, {map_cells(config):,} "
            f"{'clips' if temporal else 'cells'} ({config.convolution}, {'in time' if temporal else f'map {side}'})",
        ),
        "late guidance": (
            attention,
            C if attention else 0,
            attention,
            f"{config.guidance} modules share {H} → {C}" if attention else "none",
        ),
        "score": (lengths * C, lengths, P * lengths * C, f"{fused}, {C} → {lengths}"),
    }
    frame = pd.DataFrame(
        [(weights + biases, batch * products, shape) for weights, biases, products, shape in rows.values()],
        index=pd.Index(rows, name="part"),
        columns=["parameters", "multiply_adds", "shape"],
    )
    queries = "1 query" if batch == 1 else f"{batch} queries"
    frame.loc["total"] = [frame["parameters"].sum(), frame["multiply_adds"].sum(), queries]
    return frame


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
    if config.convolution == "list":
        moments = Moments(config.num_clips, config.scales)
        return config.layers * int((moments.neighbours(config.kernel) < len(moments)).sum())
    return map_cells(config) * config.kernel ** (1 if config.convolution == "temporal" else 2)


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
