"""Exercises of 08b_the_whole_model."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lgn_lite.config import LGNConfig
from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_functions, compare_steps
from lgn_lite.loss import moment_loss
from lgn_lite.map_convolution import ListConvolution
from lgn_lite.model import LGN, LateGuidance
from lgn_lite.moments import Moments

TINY = LGNConfig.preset(
    "toy", vocabulary_size=9, visual_dim=6, num_frames=8, num_clips=4, scales=(4,), hidden=4, word_dim=3, text_dim=5,
    layers=2, guidance=1, padding=2, frame_dropout=0.0,
)  # fmt: skip


def training_step(solution: Callable[..., float]) -> None:
    """training_step(model, batch, optimiser, clip, t_min, t_max): one step, and the loss as a number."""

    def given(B: int, clip: float, kind: type[torch.optim.Optimizer], rate: float, video: float = 1.0) -> Callable:
        def inputs() -> tuple:
            model = LGN(TINY)
            counts = torch.randint(1, 6, (B,))
            spans = torch.rand(B, 2).sort(dim=1).values
            batch = {"video": video * torch.randn(B, 8, 6), "words": torch.randint(1, 9, (B, 5))}
            batch |= {"word_counts": counts, "iou": model.moments.iou(spans)}
            return model, batch, kind(model.parameters(), lr=rate), clip, 0.3, 1.0

        return inputs

    def step(zero: str = "first", cut: bool = True, finite: bool = True) -> Callable[..., float]:
        """A step with one mistake, or, without any argument, the right one."""

        def take(model, batch, optimiser, clip, t_min, t_max):
            logits = model(batch["video"], batch["words"], batch["word_counts"])
            loss = moment_loss(logits, batch["iou"], t_min, t_max)
            if finite and not math.isfinite(loss.item()):
                return loss.item()
            if zero == "first":
                optimiser.zero_grad()
            loss.backward()
            if zero == "after backward":
                optimiser.zero_grad()
            if cut:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimiser.step()
            return loss.item()

        return take

    sgd, adamw = torch.optim.SGD, torch.optim.AdamW
    cases = [
        (given(3, 100.0, sgd, 0.5), "Forward, loss, zero_grad, backward, clip, step, in this order and once each."),
        (given(3, 0.01, sgd, 0.5), "A gradient longer than `clip` is shortened to it, before the optimiser's step."),
        (given(1, 10.0, adamw, 0.01), "The optimiser is given: call its own step, whatever kind it is."),
        (
            given(2, 10.0, adamw, 0.01, video=math.nan),
            "The loss is not a finite number here, so nothing may change: neither backward nor step, since weight "
            "decay alone changes weights.",
        ),
    ]
    mistakes = [
        (step(zero="never"), "Gradients add up: without zero_grad each step follows those of the steps before too."),
        (step(zero="after backward"), "No weight moves: without step, or where zero_grad comes after backward."),
        (step(cut=False), "A gradient longer than `clip` is shortened by clip_grad_norm_ between backward and step."),
        (step(finite=False), "Where the loss is not a finite number, return before anything reaches a weight."),
    ]
    right = "lgn_lite.training does the same, and stops there with a message that says at which step."
    compare_steps("training_step", solution, step(), cases, right, mistakes=mistakes)


def guide_first(solution: Callable[[Tensor, Tensor, list, nn.Module, int], Tensor]) -> None:
    """guide_first(x, alpha, convolutions, guide, K): the localiser with guidance after its first K layers."""

    def given(B: int, layers: int, K: int) -> Callable[[], tuple]:
        def inputs() -> tuple:
            moments = Moments(5, (5,))
            convolutions = [ListConvolution(4, moments, 3) for _ in range(layers)]
            for layer in convolutions:  # none of its channels shut
                nn.init.uniform_(layer.bias, 0.5, 1.0)
            return torch.randn(B, len(moments), 4), 1 + 0.5 * torch.randn(B, 4), convolutions, GUIDE, K

        return inputs

    def reference(x: Tensor, alpha: Tensor, convolutions: list, guide: nn.Module, K: int) -> Tensor:
        config = TINY.override(num_clips=5, num_frames=10, scales=(5,), layers=len(convolutions), guidance=K)
        model = LGN(config.override(guidance_at="first"))
        model.convolutions = nn.ModuleList(convolutions)
        return model.convolve(x, alpha if K else None)

    def guided(where: Callable[[int, int, int], bool], before: bool = False) -> Callable[..., Tensor]:
        def walk(x, alpha, convolutions, guide, K):
            for i, layer in enumerate(convolutions):
                here = where(i, K, len(convolutions))
                x = layer(guide(x, alpha)) if before and here else layer(x)
                x = guide(x, alpha) if here and not before else x
            return x

        return walk

    cases = [
        (given(2, 3, 1), "One module, after the first layer; the two other layers have none."),
        (given(1, 4, 3), "Three modules, after the first three layers."),
        (given(3, 2, 2), "As many modules as layers: each layer is followed by one."),
        (given(2, 2, 0), "K = 0 leaves guidance out."),
    ]
    mistakes = [
        (guided(lambda i, K, n: i >= n - K), "Those are the last K layers, as in the text: the first K are asked for."),
        (guided(lambda i, K, n: i < K, before=True), "A module follows its layer: guide what the layer gave."),
        (guided(lambda i, K, n: i <= K), "That is one module too many: i counts from 0."),
        (guided(lambda i, K, n: i < K - 1), "That is one module too few: i counts from 0."),
        (guided(lambda i, K, n: True), "Only K of the layers are guided."),
        (guided(lambda i, K, n: False), "The guidance is missing: α must have an effect."),
    ]
    right = "Where the modules sit is a setting of the package, and a row that one could train."
    compare_functions("guide_first", solution, reference, cases, right, mistakes=mistakes)


GUIDE = LateGuidance("cell", "rms")


def localiser_weights(solution: Callable[[int, int, int, int], int]) -> None:
    """localiser_weights(H, C, k, layers): fusion, map convolutions, the layers of α and of the score."""

    def count(
        H: int, C: int, k: int, layers: int, bias: int = 1, cells: int = 2, attention: int = 1, score: int = 1
    ) -> int:
        fusion = (H + bias) * C + (C + bias) * C
        return (
            fusion
            + layers * (k**cells * C * C + bias * C)
            + attention * (H + bias) * C
            + score * (C + bias)
        )  # fmt: skip

    cases = [
        ((1, 1, 1, 0), count(1, 1, 1, 0), "Without map layers: two layers of the fusion, one of α, one of the score."),
        ((5, 1, 1, 0), count(5, 1, 1, 0), "The sentence has two layers from H to C: the fusion's and that of α."),
        ((1, 3, 1, 0), count(1, 3, 1, 0), "The fusion's layer for the map goes from C to C; the score is one number."),
        ((1, 2, 3, 1), count(1, 2, 3, 1), "A map layer has a C×C matrix for each of its k² cells, and C biases."),
        ((128, 64, 3, 4), count(128, 64, 3, 4), "The course's model."),
        ((512, 512, 5, 8), count(512, 512, 5, 8), "The paper's."),
    ]
    mistakes = [
        (lambda *sizes: count(*sizes, bias=0), "Biases count: a linear layer from a to b has (a + 1)·b weights."),
        (lambda *sizes: count(*sizes, cells=1), "A k×k kernel has k² cells, not k."),
        (lambda *sizes: count(*sizes, attention=0), "The layer that makes α from the sentence is missing."),
        (lambda *sizes: count(*sizes, score=0), "The layer of the score is missing: C numbers to one."),
        (
            lambda H, C, k, n: count(H, C, k, n) + (n - 1) * (H + 1) * C,
            "One layer makes α for all modules: section 3.5 shares W_M′.",
        ),
    ]
    right = "Nearly all of them are in the map convolutions: with 5×5 cells, 25 matrices per layer."
    try_cases("localiser_weights", solution, cases, right, mistakes=mistakes)
