"""What the tests know of 06_fusion_and_map_convolution: a wrong answer to each exercise, bounds of its results."""

import torch
import torch.nn.functional as F
from torch import nn

WRONG = {
    "fuse": lambda sentence, candidate: [s * v for s, v in zip(sentence, candidate, strict=True)],
    "reach": lambda layers, kernel: layers * kernel,
    "count_neighbours": lambda start, end, mask, kernel: kernel * kernel,
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
