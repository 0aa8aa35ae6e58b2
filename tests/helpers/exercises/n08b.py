"""What the tests know of 08b_the_whole_model: wrong answers to each exercise, and where its numbers lie."""

import math

import torch
from torch import nn

from lgn_lite.loss import moment_loss


def _loss(model, batch, t_min, t_max):
    return moment_loss(model(batch["video"], batch["words"], batch["word_counts"]), batch["iou"], t_min, t_max)


def _step(*actions, loss=_loss, guarded=True):
    """A training step of these actions in this order; guarded: only where the loss is finite."""

    def step(model, batch, optimiser, clip, t_min, t_max):
        found = loss(model, batch, t_min, t_max)
        do = {
            "zero": optimiser.zero_grad,
            "backward": found.backward,
            "clip": lambda: nn.utils.clip_grad_norm_(model.parameters(), clip),
            "clip values": lambda: nn.utils.clip_grad_value_(model.parameters(), clip),
            "step": optimiser.step,
        }
        if math.isfinite(found.item()) or not guarded:
            for action in actions:
                do[action]()
        return found.item()

    return step


_unclipped = _step("zero", "backward", "step")


def _decays_all_the_same(model, batch, optimiser, clip, t_min, t_max):
    loss = _loss(model, batch, t_min, t_max)
    optimiser.zero_grad(set_to_none=False)
    if math.isfinite(loss.item()):
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    else:
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    return loss.item()


def _nothing_returned(model, batch, optimiser, clip, t_min, t_max):
    _unclipped(model, batch, optimiser, clip, t_min, t_max)


def _loss_of_scores(model, batch, t_min, t_max):
    scores = model(batch["video"], batch["words"], batch["word_counts"]).sigmoid()
    return moment_loss(scores, batch["iou"], t_min, t_max)


def _guided(where, before=False):
    def walk(x, alpha, convolutions, guide, K):
        for i, layer in enumerate(convolutions):
            here = where(i, K, len(convolutions))
            if before:
                x = layer(guide(x, alpha) if here else x)
            else:
                x = layer(x)
                x = guide(x, alpha) if here else x
        return x

    return walk


def _guides_the_input_only(x, alpha, convolutions, guide, K):
    x = guide(x, alpha) if K else x
    for layer in convolutions:
        x = layer(x)
    return x


def _stops_after_the_guided_ones(x, alpha, convolutions, guide, K):
    for layer in convolutions[:K]:
        x = guide(layer(x), alpha)
    return x


def _product_without_the_norm(x, alpha, convolutions, guide, K):
    for i, layer in enumerate(convolutions):
        x = layer(x)
        x = alpha.unsqueeze(1) * x if i < K else x
    return x


def _no_gradient(x, alpha, convolutions, guide, K):
    for i, layer in enumerate(convolutions):
        x = layer(x)
        x = guide(x, alpha.detach()) if i < K else x
    return x


def _weights(H, C, k, n, bias=1, cells=2, attention=1, score=1, fused=2):
    linear = (H + bias) * C + (fused - 1) * (C + bias) * C
    return linear + n * (k**cells * C * C + bias * C) + attention * (H + bias) * C + score * (C + bias)


WRONG = {
    "training_step": [
        (_step("backward", "clip", "step"), "Gradients add up"),
        (_step("backward", "zero", "clip", "step"), "No weight moves"),
        (_unclipped, "between backward and step"),
        (_step("zero", "backward", "step", "clip"), "between backward and step"),
        (_step("zero", "backward", "clip values", "step"), "is shortened to it"),
        (_step("zero", "backward", "clip", "step", guarded=False), "not a finite number"),
        (_decays_all_the_same, "not a finite number"),
        (_nothing_returned, "returned None"),
        (_step("zero", "backward", "clip", "step", loss=_loss_of_scores), "Forward, loss"),
        (_step("zero", "backward", "clip"), "No weight moves"),
    ],
    "guide_first": [
        (_guided(lambda i, K, n: i >= n - K), "the first K are asked for"),
        (_guided(lambda i, K, n: i < K, before=True), "follows its layer"),
        (_guided(lambda i, K, n: i <= K), "too many"),
        (_guided(lambda i, K, n: i < K - 1), "too few"),
        (_guided(lambda i, K, n: True), "Only K"),
        (_guided(lambda i, K, n: False), "missing"),
        (_guides_the_input_only, "after the first layer"),
        (_stops_after_the_guided_ones, "after the first layer"),
        _product_without_the_norm,
        (_no_gradient, "No .detach()"),
    ],
    "localiser_weights": [
        (lambda H, C, k, n: _weights(H, C, k, n, bias=0), "Biases count"),
        (lambda H, C, k, n: _weights(H, C, k, n, cells=1), "k² cells"),
        (lambda H, C, k, n: _weights(H, C, k, n, attention=0), "α"),
        (lambda H, C, k, n: _weights(H, C, k, n, score=0), "score"),
        (lambda H, C, k, n: _weights(H, C, k, n, attention=n), "One layer makes α"),
        (lambda H, C, k, n: _weights(H, C, k, n, fused=1), "two layers of the fusion"),
        lambda H, C, k, n: _weights(H, C, k, n) + C * C,
        lambda H, C, k, n: _weights(H, C, k, 1) * n,
        lambda H, C, k, n: n * k * k * C * C,
    ],
}

# Of size small, profile cpu, seed 0: two trainings that differ in rounding alone.
EXPECTED = {
    "r1": (60, 98),
    "package_r1": (60, 98),
    "largest_gradient_difference": (0, 1e-4),
    "first_steps_apart": (0, 1e-4),
}
