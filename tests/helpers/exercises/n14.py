"""What the tests know of 14_making_it_fast: wrong answers to each exercise, their messages, and its counted numbers."""

import torch

from lgn_lite.loss import moment_loss


def _bytes(size=lambda precision: 4 if precision == "float32" else 2, numbers=lambda b, f, w: b * f * w):
    return lambda batch, frames, width, precision: numbers(batch, frames, width) * size(precision)


def _squares(side=lambda n, i, k: n + i * (k - 1), area=lambda x: x * x, layers=range):
    return lambda num_clips, kernel, n_layers: sum(area(side(num_clips, i, kernel)) for i in layers(n_layers))


WRONG = {
    "conv_products": [
        (lambda cells, kernel, c_in, c_out: cells * kernel * c_in * c_out, "reads nine cells"),
        (lambda cells, kernel, c_in, c_out: cells * c_in * c_out, "reads nine cells"),
        (lambda cells, kernel, c_in, c_out: kernel**2 * c_in * c_out, "Each cell costs the same"),
        (lambda cells, kernel, c_in, c_out: cells * kernel**2 * c_in, "both channel numbers"),
        (lambda cells, kernel, c_in, c_out: cells * kernel**2 * c_out, "both channel numbers"),
        (lambda cells, kernel, c_in, c_out: cells * kernel**2 * (c_in + c_out), "multiply both"),
        (lambda cells, kernel, c_in, c_out: cells**2 * kernel**2 * c_in * c_out, "Each cell costs the same"),
        (lambda cells, kernel, c_in, c_out: 2 * cells * kernel**2 * c_in * c_out, "one multiply-add"),
        (lambda cells, kernel, c_in, c_out: cells * (kernel**2 * c_in * c_out + c_out), "bias"),
        (lambda cells, kernel, c_in, c_out: cells * kernel**2 * c_in**2, "both channel numbers"),
        (lambda cells, kernel, c_in, c_out: cells * (2 * kernel) * c_in * c_out, "reads nine cells"),
        (lambda cells, kernel, c_in, c_out: cells * (kernel**2 - 1) * c_in * c_out, "its own cell"),
        (lambda cells, kernel, c_in, c_out: cells * (kernel // 2) * c_in * c_out, "its own cell"),
        (lambda cells, kernel, c_in, c_out: cells * (kernel**2 + c_in * c_out), "multiply"),
        (
            lambda cells, kernel, c_in, c_out: (cells - kernel + 1) * kernel**2 * c_in * c_out,
            "all of them are computed",
        ),
    ],
    "feature_bytes": [
        (_bytes(size=lambda precision: 4), "16 bits are 2 bytes"),
        (_bytes(size=lambda precision: 2), "32 bits are 4 bytes"),
        (_bytes(size=lambda precision: 32 if precision == "float32" else 16), "a byte has 8 bits"),
        (_bytes(size=lambda precision: 1), "32 bits are 4 bytes"),
        (_bytes(size=lambda precision: 2 if precision == "float32" else 4), "32 bits are 4 bytes"),
        (_bytes(size=lambda precision: 8 if precision == "float32" else 2), "32 bits are 4 bytes"),
        (_bytes(numbers=lambda b, f, w: f * w), "Every video"),
        (_bytes(numbers=lambda b, f, w: b * w), "rows of"),
        (_bytes(numbers=lambda b, f, w: b * f), "of `width` numbers"),
        (_bytes(numbers=lambda b, f, w: b + f + w), "32 bits are 4 bytes"),
        (_bytes(numbers=lambda b, f, w: b * (f + w)), "32 bits are 4 bytes"),
        (_bytes(numbers=lambda b, f, w: b * f * w / 1e6), "not megabytes"),
        (_bytes(size=lambda precision: {"float32": 4, "bfloat16": 2}[precision]), "KeyError"),
        (_bytes(size=lambda precision: {"float32": 4, "bf16": 16 // 4}[precision]), "16 bits are 2 bytes"),
    ],
    "square_cells": [
        (lambda num_clips, kernel, layers: layers * num_clips**2, "two cells wider"),
        (_squares(side=lambda n, i, k: n + (i + 1) * (k - 1)), "leaves 4×4"),
        (_squares(side=lambda n, i, k: n + i * k), "two cells wider"),
        (_squares(side=lambda n, i, k: n + i * (k // 2)), "two cells wider"),
        (_squares(side=lambda n, i, k: n - i * (k - 1)), "two cells wider"),
        (lambda num_clips, kernel, layers: layers * (num_clips + (layers - 1) * (kernel - 1)) ** 2, "the last"),
        (lambda num_clips, kernel, layers: (num_clips + (layers - 1) * (kernel - 1)) ** 2, "all layers"),
        (lambda num_clips, kernel, layers: (num_clips + layers * (kernel - 1)) ** 2, "leaves 4×4"),
        (_squares(area=lambda x: x), "leaves 4×4"),
        (_squares(area=lambda x: x * (x + 1) // 2), "leaves 4×4"),
        (_squares(layers=lambda n: range(n - 1)), "leaves 4×4"),
        (_squares(layers=lambda n: range(n + 1)), "leaves 4×4"),
        (_squares(side=lambda n, i, k: n + i * 2), "A 1×1 kernel shrinks nothing"),
        (_squares(side=lambda n, i, k: n + i * (k**2 - 1)), "two cells wider"),
        (lambda num_clips, kernel, layers: num_clips**2 * kernel**2 * layers, "cells, not products"),
        (_squares(side=lambda n, i, k: n + i * 4), "two cells wider"),
    ],
}

EXPECTED = {  # counted, never timed
    "multiply_adds toy": (9_932_736, 9_932_736),
    "square_over_list_counted toy": (4.9, 5.2),
    "square_over_list_counted charades-sta": (9.2, 9.4),
}


def _parts(weigh, clear="before", returned="sum", step=False):
    """Gradient accumulation, with one thing done otherwise."""

    def answer(model, x, iou, size):
        if clear == "before":
            model.zero_grad()
        pairs, total, last = list(zip(x.split(size), iou.split(size), strict=True)), 0.0, 0.0
        for x_part, iou_part in pairs:
            if clear == "each":
                model.zero_grad()
            loss = moment_loss(model(x_part), iou_part, 0.3, 1.0)
            weight = weigh(len(x_part), len(x), len(pairs))
            (weight * loss).backward()
            last = loss.item()
            total += {"sum": weight * last, "unweighted": last / len(pairs), "last": 0}[returned]
            if step:
                torch.optim.SGD(model.parameters(), lr=0.1).step()
        return last if returned == "last" else total

    return answer


def _share(part, batch, parts):
    return part / batch


def _at_once(model, x, iou, size):
    model.zero_grad()
    loss = moment_loss(model(x), iou, 0.3, 1.0)
    loss.backward()
    return loss.item()


def _whole_parts_only(model, x, iou, size):
    model.zero_grad()
    total = 0.0
    for i in range(len(x) // size):
        rows = slice(i * size, (i + 1) * size)
        loss = moment_loss(model(x[rows]), iou[rows], 0.3, 1.0) * size / len(x)
        loss.backward()
        total += loss.item()
    return total


def _no_backward(model, x, iou, size):
    model.zero_grad()
    return sum(
        moment_loss(model(a), b, 0.3, 1.0).item() * len(a) / len(x)
        for a, b in zip(x.split(size), iou.split(size), strict=True)
    )


def _silent(model, x, iou, size):
    _parts(_share)(model, x, iou, size)


WRONG["accumulate"] = [
    (_at_once, "at most 2"),
    (_parts(lambda part, batch, parts: 1.0), "added up"),  # a sum of means
    (_parts(lambda part, batch, parts: 1 / parts), "counts less"),  # as if all parts were equal
    (_parts(_share, clear="each"), "forgets the parts before"),
    (_parts(_share, clear="never"), "Clear what"),
    (_parts(_share, returned="unweighted"), "the mean over all rows"),
    _parts(_share, returned="last"),
    (_parts(_share, step=True), "takes its step afterwards"),
    (_whole_parts_only, "left out"),
    (_no_backward, "Call backward"),
    (_silent, "is a return missing"),
]
