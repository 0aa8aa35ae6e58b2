"""What the tests know of 14_making_it_fast: a wrong answer to each exercise, and its counted numbers."""

import torch

from lgn_lite.loss import moment_loss

WRONG = {
    "conv_products": lambda cells, kernel, c_in, c_out: cells * kernel * c_in * c_out,
    "feature_bytes": lambda batch, frames, width, precision: 4 * batch * frames * width,
    "square_cells": lambda num_clips, kernel, layers: layers * num_clips**2,
}

EXPECTED = {  # counted, never timed
    "multiply_adds toy": (21_324_032, 21_324_032),
    "square_over_list_counted toy": (4.6, 4.8),
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
