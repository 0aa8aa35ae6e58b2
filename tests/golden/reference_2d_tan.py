"""The published 2D-TAN as plain functions on tensors, and the small golden arrays that it makes.

Independent of the package on purpose: it shares no code with `lgn_lite.model`, which is held against it. The stages
follow the published code (lib/models of 2D-TAN, sparse max-pooled candidates) and its names of parameters. Run as a
script, it writes `2d_tan.safetensors`: random networks, their inputs, and the values of every stage.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

GOLDEN = Path(__file__).with_name("2d_tan.safetensors")

# The published settings with their proportions kept and their sizes reduced. The first convolution's padding is
# layers * (kernel - 1) / 2, so that the map is N×N again after the last one; for Charades-STA it is as wide as the map.
CASES = {
    "charades-sta": dict(
        num_clips=8, clip_pool=4, scales=(8,), kernel=5, padding=8, layers=4, hidden=6, min_iou=0.5, max_iou=1.0
    ),
    "tacos": dict(
        num_clips=20, clip_pool=2, scales=(4, 2, 2), kernel=3, padding=3, layers=3, hidden=6, min_iou=0.3, max_iou=0.7
    ),
    "activitynet-captions": dict(
        num_clips=12, clip_pool=1, scales=(4, 3), kernel=9, padding=8, layers=2, hidden=6, min_iou=0.5, max_iou=1.0
    ),
}


def frame_layer(state: dict[str, Tensor], video: Tensor, clip_pool: int) -> Tensor:
    """(B, T, D) → (B, C, N): 1×1 convolution, ReLU, mean of each clip_pool steps."""
    weight, bias = state["frame_layer.vis_conv.weight"], state["frame_layer.vis_conv.bias"]
    return F.avg_pool1d(F.relu(F.conv1d(video.transpose(1, 2), weight, bias)), clip_pool)


def prop_layer(clips: Tensor, scales: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """(B, C, N) → the map (B, C, N, N) of each candidate's maximum, and the mask (N, N) of the candidates."""
    B, C, N = clips.shape  # batch, channels, map size
    maximum, mask = clips.new_zeros(B, C, N, N), torch.zeros(N, N, dtype=torch.bool)
    x, step, extent = clips, 1, -1
    for scale, lengths in enumerate(scales):
        for i in range(lengths):
            # Poolings in a chain: each lengthens the windows by one step; the first of a coarser scale, over three
            # windows with stride 2, doubles the step between starts, too.
            if i > 0:
                x = F.max_pool1d(x, 2, 1)
            elif scale > 0:
                x = F.max_pool1d(x, 3, 2)
            extent += step
            for n, start in enumerate(range(0, N - extent, step)):
                maximum[:, :, start, start + extent] = x[:, :, n]
                mask[start, start + extent] = True
        step *= 2
    return maximum, mask


def fusion_layer(
    state: dict[str, Tensor], words: Tensor, word_counts: Tensor, proposals: Tensor, mask: Tensor
) -> Tensor:
    """LSTM, its state at the last word, linear; times the 1×1-convolved map; unit norm of each cell's channels."""
    prefix = "fusion_layer.textual_encoder."
    weights = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    layers, hidden = sum(name.startswith("weight_hh") for name in weights), weights["weight_hh_l0"].shape[1]
    lstm = nn.LSTM(words.shape[2], hidden, layers, batch_first=True, dtype=words.dtype)
    lstm.load_state_dict(weights)
    with torch.no_grad():
        states = lstm(words)[0]
    last = torch.stack([states[b, count - 1] for b, count in enumerate(word_counts.tolist())])
    text = F.linear(last, state["fusion_layer.tex_linear.weight"], state["fusion_layer.tex_linear.bias"])
    video = F.conv2d(proposals, state["fusion_layer.vis_conv.weight"], state["fusion_layer.vis_conv.bias"])
    return F.normalize(text[:, :, None, None] * video) * mask


def map_layer(state: dict[str, Tensor], fused: Tensor, mask: Tensor, padding: int) -> tuple[Tensor, list[Tensor]]:
    """The map convolutions, and the weight of every cell after each of them.

    A layer divides by the number of valid cells under its kernel; whatever a kernel reaches is valid from then on.
    Only the first layer pads.
    """
    x, valid, masks = fused, mask[None, None].to(fused.dtype), []
    while f"map_layer.convs.{len(masks)}.weight" in state:
        weight, bias = (state[f"map_layer.convs.{len(masks)}.{part}"] for part in ("weight", "bias"))
        counted = F.conv2d(valid, torch.ones_like(weight[:1, :1]), padding=padding).round()
        share = torch.where(counted > 0, 1 / counted, torch.zeros_like(counted))
        x = F.relu(F.conv2d(x, weight, bias, padding=padding)) * share
        valid, padding = (counted > 0).to(x.dtype), 0
        masks.append(share[0, 0])
    return x, masks


def overlaps(starts: Tensor, ends: Tensor, durations: Tensor, N: int) -> Tensor:
    """(B, N, N) IoU of the cell [start, end] with the ground truth, all in seconds; 0 where a cell is no interval."""
    iou = starts.new_zeros(len(starts), N, N)
    for b, (start, end, duration) in enumerate(zip(starts.tolist(), ends.tolist(), durations.tolist(), strict=True)):
        for i in range(N):
            for j in range(i, N):
                first, last = i * duration / N, (j + 1) * duration / N
                intersection = max(0.0, min(end, last) - max(start, first))
                iou[b, i, j] = intersection / (end - start + last - first - intersection)
    return iou


def bce_rescale_loss(prob: Tensor, iou: Tensor, mask: Tensor, min_iou: float, max_iou: float) -> Tensor:
    """Binary cross entropy with the overlaps, scaled from min_iou … max_iou to 0 … 1: mean over the candidates."""
    target = ((iou - min_iou) / (max_iou - min_iou)).clamp(0, 1)
    return F.binary_cross_entropy(prob[:, 0].double(), target.double(), reduction="none")[:, mask].mean()


def stages(state: dict[str, Tensor], inputs: dict[str, Tensor], settings: dict) -> dict[str, Tensor]:
    """The values of every stage for inputs video, words, word_counts, starts, ends, durations."""
    clips = frame_layer(state, inputs["video"], settings["clip_pool"])
    proposals, mask = prop_layer(clips, settings["scales"])
    fused = fusion_layer(state, inputs["words"], inputs["word_counts"], proposals, mask)
    features, masks = map_layer(state, fused, mask, settings["padding"])
    scores = F.conv2d(features, state["pred_layer.weight"], state["pred_layer.bias"]) * mask
    prob = scores.sigmoid() * mask
    iou = overlaps(inputs["starts"], inputs["ends"], inputs["durations"], settings["num_clips"])
    loss = bce_rescale_loss(prob, iou, mask, settings["min_iou"], settings["max_iou"])
    values = dict(clip_features=clips, proposal_map=proposals, mask=mask, fused=fused, map_out=features, scores=scores)
    values |= {f"conv_weight_mask_{i}": share for i, share in enumerate(masks)}
    return values | dict(prob=prob, iou_map=iou, loss=loss)


def random_case(settings: dict, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A network's state dict and its inputs. NumPy draws them: the same numbers on every machine."""
    rng, C, k, layers = np.random.default_rng(seed), settings["hidden"], settings["kernel"], settings["layers"]
    B, W, D, word_dim, duration = 2, 5, 7, 4, 30.0

    def draw(*shape: int, size: float = 1.0) -> Tensor:
        return torch.from_numpy(size * rng.standard_normal(shape)).float()

    def layer(name: str, *shape: int, size: float) -> dict[str, Tensor]:
        return {f"{name}.weight": draw(*shape, size=size), f"{name}.bias": draw(shape[0], size=0.2)}

    lstm = nn.LSTM(word_dim, C, num_layers=3).state_dict()
    state = {f"fusion_layer.textual_encoder.{name}": draw(*value.shape, size=0.7) for name, value in lstm.items()}
    state |= layer("frame_layer.vis_conv", C, D, 1, size=D**-0.5)
    state |= layer("fusion_layer.tex_linear", C, C, size=1.0)
    state |= layer("fusion_layer.vis_conv", C, C, 1, 1, size=1.0)
    for i in range(layers):  # k/√C: so that the division by up to k² cells leaves something for the next layer
        state |= layer(f"map_layer.convs.{i}", C, C, k, k, size=k * C**-0.5)
    state |= layer("pred_layer", 1, C, 1, 1, size=1.0)
    spans = np.sort(duration * rng.random((B, 2)), axis=1)
    inputs = {
        "video": draw(B, settings["num_clips"] * settings["clip_pool"], D),
        "words": draw(B, W, word_dim),  # what follows the last word is no zero: nobody may look at it
        "word_counts": torch.tensor([W, 2]),
        "starts": torch.from_numpy(spans[:, 0].copy()),
        "ends": torch.from_numpy(spans[:, 1].copy()),
        "durations": torch.full((B,), duration, dtype=torch.float64),
    }
    return state, inputs


def make() -> dict[str, Tensor]:
    """All golden arrays, by "case/param/NAME" and "case/NAME"."""
    arrays = {}
    for seed, (case, settings) in enumerate(CASES.items()):
        state, inputs = random_case(settings, seed)
        # in double precision, and rounded once: the arrays do not depend on a machine's order of summation
        doubles = [{name: x.double() if x.is_floating_point() else x for name, x in d.items()} for d in (state, inputs)]
        values = {name: x.float() if x.is_floating_point() else x for name, x in stages(*doubles, settings).items()}
        named = {f"param/{name}": value for name, value in state.items()} | inputs | values
        arrays |= {f"{case}/{name}": value.contiguous() for name, value in named.items()}
    return arrays


def read() -> tuple[dict[str, Tensor], dict[str, dict]]:
    """The committed arrays, and the settings of each case."""
    with safe_open(GOLDEN, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["cases"])  # noqa: SIM118


if __name__ == "__main__":
    save_file(make(), GOLDEN, metadata={"cases": json.dumps(CASES)})
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size / 1000:.0f} kB")
