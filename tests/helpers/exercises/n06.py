"""What the tests know of 06_fusion_and_map_convolution: wrong answers, their messages, bounds of its results."""

import torch
import torch.nn.functional as F
from torch import nn

from lgn_lite.course.check.parts import norm, scaled


def _product(sentence, candidate):
    return [s * v for s, v in zip(sentence, candidate, strict=True)]


def _unit(x):
    return scaled(x, norm(x))


def _in_place(sentence, candidate):
    for d, s in enumerate(sentence):
        candidate[d] *= s
    return scaled(candidate, norm(candidate))


def _zero_as_none(sentence, candidate):
    product = _product(sentence, candidate)
    return scaled(product, norm(product)) if any(product) else None


def _cells(
    start,
    end,
    mask,
    kernel,
    half=None,
    stop=1,
    inside=lambda i, j, n: 0 <= i < n and 0 <= j < n,
    at=lambda mask, i, j: mask[i][j],
):
    half = kernel // 2 if half is None else half
    return sum(
        bool(at(mask, i, j))
        for i in range(start - half, start + half + stop)
        for j in range(end - half, end + half + stop)
        if inside(i, j, len(mask))
    )


WRONG = {
    "fuse": [
        (lambda s, v: _product(s, v), "its norm is 5"),
        (lambda s, v: [p / norm(_product(s, v)) for p in _product(s, v)], "ZeroDivisionError"),
        (lambda s, v: scaled(x := _product(s, v), sum(x)), "its norm is 5"),
        (lambda s, v: scaled(x := _product(s, v), sum(map(abs, x))), "its norm is 5"),
        (lambda s, v: scaled(x := _product(s, v), max(map(abs, x))), "its norm is 5"),
        (lambda s, v: scaled(x := _product(s, v), norm(x) ** 2), "its norm is 5"),
        (lambda s, v: scaled(x := [a + b for a, b in zip(s, v, strict=True)], norm(x)), "product, not a sum"),
        (lambda s, v: _product(scaled(s, norm(s)), scaled(v, norm(v))), "after the product"),
        (lambda s, v: _product(scaled(s, norm(s)), v), "after the product"),
        (lambda s, v: scaled(_product(s, v), norm(v)), "norm of the product"),
        (lambda s, v: list(map(abs, _unit(_product(s, v)))), "keep the signs"),
        (lambda s, v: [max(0.0, x) for x in _unit(_product(s, v))], "keep the signs"),
        (lambda s, v: scaled(x := _product(s, v), norm(x) / len(x) ** 0.5), "norm is 1"),
        (lambda s, v: sum(_product(s, v)), "the answer has 2 entries"),
        (lambda s, v: scaled(x := [*s, *v], norm(x)), "product, not a sum"),
        (_zero_as_none, "If nothing is left"),
        (_in_place, "without a change of its arguments"),
    ],
    "reach": [
        (lambda layers, kernel: layers * kernel, "from its middle"),
        (lambda layers, kernel: layers * (kernel - 1), "one direction"),
        (lambda layers, kernel: layers * kernel // 2, "Each layer adds the reach"),
        (lambda layers, kernel: kernel // 2, "Each layer adds the reach"),
        (lambda layers, kernel: layers + kernel // 2, "Each layer adds the reach"),
        (lambda layers, kernel: layers + kernel // 2 - 1, "Each layer adds the reach"),
        (lambda layers, kernel: (kernel // 2) ** layers, "Each layer adds the reach"),
        (lambda layers, kernel: (layers - 1) * (kernel // 2), "from its middle"),
        (lambda layers, kernel: 1 + layers * (kernel - 1), "one direction"),
        (lambda layers, kernel: layers, "A 5×5 kernel reaches two cells"),
        (lambda layers, kernel: layers * ((kernel + 1) // 2), "does not count"),
        (lambda layers, kernel: layers * kernel / 2, "from its middle"),
        (lambda layers, kernel: kernel**2 // 2 * layers, "one direction"),
        (lambda layers, kernel: max(1, kernel // 2) * layers, "its own cell only"),
    ],
    "count_neighbours": [
        (lambda start, end, mask, kernel: kernel * kernel, "impossible half"),
        (lambda *a: _cells(*a, at=lambda mask, i, j: 1), "impossible half"),
        (lambda *a: _cells(*a) - 1, "it counts"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: i < n and j < n), "mask[-1]"),
        (
            lambda *a: _cells(
                *a, inside=lambda i, j, n: True, at=lambda mask, i, j: mask[i % len(mask)][j % len(mask)]
            ),
            "Cells outside the map",
        ),
        (lambda *a: _cells(*a, at=lambda mask, i, j: i <= j), "A hole does not count"),
        (lambda start, end, mask, kernel: _cells(start, end, mask, kernel, half=kernel), "half of it on each side"),
        (lambda start, end, mask, kernel: _cells(start, end, mask, kernel, half=kernel // 2, stop=0), "both sides"),
        (lambda *a: _cells(*a, at=lambda mask, i, j: mask[j][i]), "mask[start][end]"),
        (lambda start, end, mask, kernel: _cells(end, start, mask, kernel), "mask[start][end]"),
        (lambda start, end, mask, kernel: sum(map(sum, mask)), "under the kernel"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: 0 < i < n and 0 < j < n), "counted from 0"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: 0 <= i < n - 1 and 0 <= j < n - 1), "last row"),
        (lambda *a: _cells(*a, inside=lambda i, j, n: True), "Cells outside the map"),
        (
            lambda start, end, mask, kernel: sum(
                bool(mask[start + d][end + d])
                for d in range(-(kernel // 2), kernel // 2 + 1)
                if 0 <= start + d < len(mask) and 0 <= end + d < len(mask)
            ),
            "whole square",
        ),
    ],
}

EXPECTED = {
    "neighbours": (19.3, 19.5),  # of 25 on the map of Charades-STA
    "heard_1": (9, 9),
    "layers_to_all_3": (9, 9),  # from clips 6 to 9 of 16 to the far corner
    "layers_to_all_5": (5, 5),
    "layers_to_all_9": (3, 3),
    "loss_a_layer_torch": (35, 75),  # √6 n is 47
    "loss_a_layer_unit": (0.6, 1.2),
    "signal_torch": (0, 1e-10),
    "dense_differs_1": (0, 1e-4),
    "dense_differs_2": (1e-3, 10),
}


def fuse_in_place(text, proposals):
    proposals *= text.unsqueeze(1)
    return F.normalize(proposals, dim=-1)


def fuse_detached(text, proposals):
    product = text.unsqueeze(1) * proposals
    return product / product.norm(dim=-1, keepdim=True).detach()


WRONG["fuse_map"] = [
    (lambda s, v: s.unsqueeze(1) * v, "The norm is missing"),
    (lambda s, v: F.normalize(s.unsqueeze(1) * v, dim=1), "not over the candidates"),
    (lambda s, v: F.normalize(s.unsqueeze(1) * v), "not over the candidates"),  # its default is dim=1
    (lambda s, v: F.normalize(s, dim=-1).unsqueeze(1) * F.normalize(v, dim=-1), "The product is normalised"),
    (lambda s, v: F.normalize(s.unsqueeze(1) + v, dim=-1), "It adds"),
    (lambda s, v: F.normalize(s * v, dim=-1), "(B, C) → (B, 1, C)"),
    (lambda s, v: (s.unsqueeze(1) * v).sum(-1), "should be a tensor of shape (1, 3, 4)"),
    (lambda s, v: F.normalize((s.unsqueeze(1) * v).abs(), dim=-1), "Product, channel by channel"),
    (lambda s, v: F.normalize(s.unsqueeze(1) * v, dim=-1, p=1), "Product, channel by channel"),
    (lambda s, v: (s.unsqueeze(1) * v) / (s.unsqueeze(1) * v).square().sum(-1, keepdim=True), "Product, channel"),
    (lambda s, v: F.normalize((s.unsqueeze(1) * v).flatten(1), dim=1).view_as(v), "Product, channel by channel"),
    (fuse_detached, "a gradient passes through it"),
    (lambda s, v: torch.tensor(F.normalize(s.unsqueeze(1) * v, dim=-1).tolist()), "no gradient reaches"),
    (fuse_in_place, "changing an input"),
]


def convolution(forward) -> type[nn.Module]:
    class MyListConvolution(nn.Module):
        def __init__(self, channels, moments, kernel):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(kernel**2, channels, channels))
            self.bias = nn.Parameter(torch.zeros(channels))
            self.neighbours, self.moments, self.kernel = moments.neighbours(kernel), moments, kernel

    MyListConvolution.forward = forward
    return MyListConvolution


def summed(self, x, neighbours=None, weight=None, outside=0.0):
    """Over the kernel cells; the number P is a candidate of `outside`."""
    neighbours = self.neighbours if neighbours is None else neighbours
    padded = F.pad(x, (0, 0, 0, 1), value=outside)
    return sum(padded[:, q] @ w for q, w in zip(neighbours.T, self.weight if weight is None else weight, strict=True))


def counted(self):
    return (self.neighbours < len(self.moments)).sum(1, keepdim=True)  # (P, 1)


def whole(self, x, **settings):
    return (summed(self, x, **settings) + self.bias).relu() / counted(self)


def cells_turned(self, x):
    k = self.kernel
    return whole(self, x, neighbours=self.neighbours.view(-1, k, k).mT.flatten(1))


def last_for_none(self, x):
    return whole(self, x, neighbours=self.neighbours.clamp(max=x.shape[1] - 1))


def without_check(self, x):
    return (sum(x[:, q] @ w for q, w in zip(self.neighbours.T, self.weight, strict=True)) + self.bias).relu()


def first_only(self, x):
    return whole(self, x[:1]).expand(len(x), -1, -1)


def largest(self, x):
    padded = F.pad(x, (0, 0, 0, 1))
    return (
        torch.stack([padded[:, q] @ w for q, w in zip(self.neighbours.T, self.weight, strict=True)]).amax(0) + self.bias
    ).relu() / counted(self)


WRONG["list_convolution"] = [
    (convolution(lambda self, x: (summed(self, x) + self.bias).relu() / self.kernel**2), "all k² cells"),
    (convolution(lambda self, x: (summed(self, x) + self.bias).relu()), "The division by the number"),
    (convolution(lambda self, x: (summed(self, x) + self.bias).relu() / (counted(self) - 1).clamp(min=1)), "itself"),
    (convolution(lambda self, x: (summed(self, x) / counted(self) + self.bias).relu()), "The division comes last"),
    (convolution(lambda self, x: (summed(self, x) + self.bias) / counted(self)), "The ReLU is missing"),
    (convolution(lambda self, x: summed(self, x).relu() / counted(self)), "The bias is missing"),
    (convolution(lambda self, x: whole(self, x, weight=self.weight.mT)), "not W @ x"),
    (convolution(last_for_none), "does not exist"),
    (convolution(lambda self, x: whole(self, x, outside=1.0)), "Each neighbour that exists"),
    (convolution(cells_turned), "its own kernel cell"),
    (convolution(without_check), "raised IndexError"),
    (convolution(largest), "Each neighbour that exists"),
    (convolution(first_only), "Each video of a batch"),
    (convolution(lambda self, x: whole(self, x.detach())), "no gradient reaches"),
    (convolution(lambda self, x: whole(self, x, weight=self.weight.detach())), "no gradient reaches"),
]
