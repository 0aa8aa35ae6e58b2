"""The published 2D-TAN as our baseline: its state dict, read into an LGN without early modulation and guidance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN

# 2D-TAN's name → ours; a prefix stands for all that follows it
NAMES = {
    "frame_layer.vis_conv": "frames.reduce",
    "fusion_layer.textual_encoder": "sentence.lstm",
    "fusion_layer.tex_linear": "sentence.linear",
    "fusion_layer.vis_conv": "fuse_video",
    "map_layer.convs": "convolutions",
    "pred_layer": "score",
}


def load_2dtan(
    state_dict: Mapping[str, Tensor],
    num_clips: int,
    clip_pool: int,
    scales: Sequence[int],
    kernel: int,
    padding: int,
) -> LGN:
    """The baseline model with the weights of a published 2D-TAN, in evaluation mode.

    Args:
        state_dict: 2D-TAN's, with its own names (a leading "module." of a parallel model is dropped).
        num_clips: N, the side of the map.
        clip_pool: sampled clips that are averaged into one step of the map.
        scales: candidates' lengths a scale, e.g. (16, 8, 8, 8) for TACoS.
        kernel: of the map convolutions.
        padding: of the first map convolution.

    Raises InputError for a name that 2D-TAN does not have, or one that is missing.
    """
    state = {name.removeprefix("module."): value for name, value in state_dict.items()}
    renamed = {}
    for name, value in state.items():
        prefix = next((prefix for prefix in NAMES if name.startswith(prefix + ".")), None)
        if prefix is None:
            raise InputError(f"{name!r} is no parameter of 2D-TAN: expected names that begin with {', '.join(NAMES)}")
        ours = NAMES[prefix] + name.removeprefix(prefix)
        if not ours.startswith("convolutions.") and value.dim() > 2:  # 1×1 convolutions are linear layers here
            value = value.flatten(1)
        renamed[ours] = value
    try:
        hidden, visual_dim = renamed["frames.reduce.weight"].shape
        text_dim, word_dim = (
            renamed["sentence.lstm.weight_hh_l0"].shape[1],
            renamed["sentence.lstm.weight_ih_l0"].shape[1],
        )
    except KeyError as error:
        raise InputError(f"the state dict lacks 2D-TAN's parameter for {error}") from error
    config = LGNConfig(
        visual_dim=visual_dim,
        feature="c3d",
        frame_norm="l2",
        num_frames=num_clips * clip_pool,
        num_clips=num_clips,
        scales=tuple(scales),
        hidden=hidden,
        word_dim=word_dim,
        text_dim=text_dim,
        text_layers=sum(name.startswith("sentence.lstm.weight_hh") for name in renamed),
        early="none",
        guidance=0,
        fusion_text_fc=False,
        convolution="dense",
        layers=sum(name.startswith("convolutions.") and name.endswith("weight") for name in renamed),
        kernel=kernel,
        padding=padding,
        init="torch",
    )
    model = LGN(config)
    try:
        model.load_state_dict(renamed)
    except RuntimeError as error:
        raise InputError(f"not a complete 2D-TAN of these settings: {error}") from error
    return model.eval()
