"""The published 2D-TAN as our baseline: its weights, its words, and what it does otherwise than one would think.

What is odd in its published code (lib/ and moment_localization/), where we reproduce it, and what we do by default:

- Words are what blanks separate, so the last one keeps its full stop and, unknown to GloVe, gets a vector of zeros: in
  78 % of TACoS's and 99.9 % of ActivityNet's sentences; for Charades-STA it is stripped. Here: `split_on_blanks`,
  `encode_like_2dtan`. By default `text.tokenize` drops punctuation.
- A map layer divides by the number of valid cells under its kernel, and every cell that a kernel can reach counts as
  valid from then on, also outside the map. Here: `convolution="dense"`. By default only candidates count.
- Averaging to a fixed length leaves out the last row of a video's features, unless it is the only one.
  `to_fixed_length` always does so too: published features must mean the same here.
- Stored vectors get unit norm before that. Here: `frame_norm="l2"`, the presets' for C3D.
- Its "mIoU" is written as a mean of the top three overlaps, but those of the first prediction with all true moments
  (DiDeMo has four). With one moment per sentence it is the mean IoU of the first prediction, our `metrics.mean_iou`.
- All cells with start <= end are ranked, those without a candidate last. They never come among the first five: NMS
  leaves more than five of the single clips alone. We rank the candidates.
- An overlap must be above m to count, and NMS comes first. The same in `metrics.recall`; others use >=.
- The norm of the gradient is clipped at 10. The same by default in `TrainSettings.clip`.
- The learning rate falls on a plateau of the validation loss with its sign turned, and on Charades-STA never. `train`
  follows `TrainSettings.schedule` instead.
- Checkpoints are named after their test result (iter004257-0.4094-0.8384.pkl), and the published ones were chosen by
  it. `train` chooses on the validation split, and never uses test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lgn_lite.config import LGNConfig
from lgn_lite.errors import InputError
from lgn_lite.model import LGN
from lgn_lite.support.weights import check_weights, read_weights
from lgn_lite.text import read_glove

# What the weights do not say: `load_2dtan(path, **PUBLISHED["tacos"])`. From 2D-TAN's configuration files
# (2D-TAN-16x16-K5L8-pool.yaml, 2D-TAN-128x128-K5L8-pool.yaml, 2D-TAN-64x64-K9L4-pool.yaml).
PUBLISHED: dict[str, dict[str, Any]] = {
    "charades-sta": dict(
        num_clips=16, clip_pool=16, scales=(16,), kernel=5, padding=16, feature="fc7", t_min=0.5, t_max=1.0, nms=0.45
    ),
    "tacos": dict(
        num_clips=128, clip_pool=2, scales=(16, 8, 8, 8), kernel=5, padding=16, t_min=0.3, t_max=0.7, nms=0.4
    ),
    "activitynet-captions": dict(
        num_clips=64, clip_pool=4, scales=(16, 8, 8), kernel=9, padding=16, t_min=0.5, t_max=1.0, nms=0.5
    ),
}

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
    state_dict: Mapping[str, Tensor] | str | Path,
    num_clips: int,
    clip_pool: int,
    scales: Sequence[int],
    kernel: int,
    padding: int,
    **settings: Any,
) -> LGN:
    """The baseline model with the weights of a 2D-TAN, in evaluation mode.

    The widths and the number of layers follow from the weights. The rest leaves no trace in them: a wrong num_clips,
    clip_pool or scales gives a model that runs and predicts badly.

    Args:
        state_dict: 2D-TAN's, with its own names (a leading "module." of a parallel model is dropped), or the path of a
            published checkpoint (.pkl), which is read without running anything in it.
        num_clips: N, the side of the map.
        clip_pool: sampled clips that are averaged into one step of the map.
        scales: candidates' lengths per scale, e.g. (16, 8, 8, 8) for TACoS.
        kernel: of the map convolutions.
        padding: of the first map convolution.
        settings: further ones of LGNConfig that evaluation or training uses: nms, t_min, t_max.

    Returns:
        The model, with guidance off and the square convolution.

    Raises:
        InputError: for a file that cannot be read, a name that 2D-TAN does not have or one that is missing, and a
            kernel or padding that the weights contradict.
    """
    where = ""
    if isinstance(state_dict, str | Path):
        where, state_dict = f"{state_dict}: ", read_weights(state_dict)
    state = {name.removeprefix("module."): value for name, value in state_dict.items()}
    check_weights(state, where.removesuffix(": ") or "state_dict")
    foreign = [name for name in state if _translate(name, NAMES) is None]
    if foreign:
        raise InputError(
            f"{where}{foreign[0]!r} is no parameter of 2D-TAN with pooled candidates: expected names that begin with "
            f"{', '.join(NAMES)}"
        )
    try:
        hidden, visual_dim = state["frame_layer.vis_conv.weight"].shape[:2]
        word_dim = state["fusion_layer.textual_encoder.weight_ih_l0"].shape[1]
        text_dim = state["fusion_layer.tex_linear.weight"].shape[1]
        size = state["map_layer.convs.0.weight"].shape[2]
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"{where}no complete 2D-TAN: lacks {error}") from error
    if size != kernel:
        raise InputError(f"{where}kernel={kernel}, but the weights are of {size}×{size} kernels; give kernel={size}")
    config = LGNConfig(
        visual_dim=visual_dim, feature="c3d", frame_norm="l2", num_frames=num_clips * clip_pool, num_clips=num_clips,
        scales=tuple(scales), hidden=hidden, word_vectors="frozen", word_dim=word_dim, text_dim=text_dim,
        text_layers=sum(".textual_encoder.weight_hh_l" in name for name in state), early="none", guidance=0,
        fusion_text_fc=False, convolution="dense", init="torch", kernel=kernel, padding=padding,
        layers=sum(name.startswith("map_layer.") and name.endswith(".weight") for name in state),
    ).override(**settings)  # fmt: skip
    model = LGN(config)
    weights = {}
    for name, value in state.items():
        ours = _translate(name, NAMES)  # 2D-TAN's 1×1 convolutions are linear layers here
        weights[ours] = value.flatten(1) if value.dim() > 2 and not ours.startswith("convolutions.") else value
    _check_complete(model, weights, where)
    model.load_state_dict(weights)
    return model.eval()


def _check_complete(model: LGN, weights: Mapping[str, Tensor], where: str) -> None:
    """Raise InputError, in 2D-TAN's names, where weights are missing, too many, or of other shapes."""
    required, given = ({name: tuple(x.shape) for name, x in part.items()} for part in (model.state_dict(), weights))
    wrong = [name for name in required | given if required.get(name) != given.get(name)]
    if wrong:
        theirs = {ours: theirs for theirs, ours in NAMES.items()}
        first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise InputError(
            f"{where}no complete 2D-TAN: {_translate(first, theirs)} has shape "
            f"{given.get(first, 'none')}, but {required.get(first, 'none')} fits the other weights{more}"
        )


def _translate(name: str, names: Mapping[str, str]) -> str | None:
    """The name with its prefix replaced; None if no prefix fits."""
    prefix = next((prefix for prefix in names if name.startswith(prefix + ".")), None)
    return None if prefix is None else names[prefix] + name.removeprefix(prefix)


def split_on_blanks(sentence: str, strip_full_stop: bool = False) -> list[str]:
    """2D-TAN's words: what blanks separate, in lower case, so that the last word keeps its full stop.

    strip_full_stop: remove it first, as 2D-TAN does for Charades-STA alone.
    """
    return [word.lower() for word in (sentence.removesuffix(".") if strip_full_stop else sentence).split()]


def encode_like_2dtan(
    glove: str | Path, sentences: Iterable[str], strip_full_stop: bool = False, dim: int = 300
) -> Callable[[str], Tensor]:
    """What turns one of the sentences into the (W, dim) word vectors that 2D-TAN would see, for a MomentDataset.

    Args:
        glove: an unpacked GloVe file (2D-TAN's: glove.6B.300d.txt); a word that it lacks gets zeros.
        sentences: all that will be encoded.
        strip_full_stop: as in `split_on_blanks`.
        dim: width of the vectors.

    Returns:
        encode(sentence) -> (W, dim)

    Raises:
        InputError: as `read_glove` does.
    """
    words = sorted({word for sentence in sentences for word in split_on_blanks(sentence, strip_full_stop)})
    vectors, _ = read_glove(glove, words, dim)
    rows = dict(zip(words, torch.from_numpy(vectors), strict=True))
    return lambda sentence: torch.stack([rows[word] for word in split_on_blanks(sentence, strip_full_stop)])
