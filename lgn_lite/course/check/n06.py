"""Exercises of 06_fusion_and_map_convolution."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_functions, compare_modules
from lgn_lite.model import ListConvolution
from lgn_lite.moments import Moments


def fuse(solution: Callable[[list, list], list]) -> None:
    """fuse(sentence, candidate): Hadamard product and L2 norm (section 3.4), after the linear layers."""
    cases = [
        (([1.0, 0.0], [5.0, 7.0]), [1.0, 0.0], "If the sentence is 0, nothing of the candidate is left."),
        (([3.0, 1.0], [1.0, 4.0]), [0.6, 0.8], "The product is [3, 4], and its norm is 5."),
        (([-3.0, 1.0], [-1.0, -4.0]), [0.6, -0.8], "Two negatives agree; keep the signs."),
        (([30.0, 10.0], [1.0, 4.0]), [0.6, 0.8], "The size of the sentence must cancel."),
        (([1.0, 0.0], [0.0, 2.0]), [0.0, 0.0], "If nothing is left, there is nothing to divide by."),
    ]
    try_cases("fuse", solution, cases, "The linear layers before it are all that is learned in the fusion.")


def reach(solution: Callable[[int, int], int]) -> None:
    """reach(layers, kernel): cells, in one direction, that some layers can reach."""
    cases = [
        ((1, 3), 1, "A 3×3 kernel reaches one cell from its middle."),
        ((1, 5), 2, "A 5×5 kernel reaches two cells from its middle."),
        ((4, 3), 4, "Each layer adds the reach of its kernel."),
        ((8, 5), 16, "Eight layers of two cells each, as for Charades-STA and TACoS."),
        ((4, 9), 16, "Four layers of four cells each, as for ActivityNet Captions."),
        ((3, 1), 0, "A 1×1 kernel reaches its own cell only."),
    ]
    try_cases("reach", solution, cases, "2D-TAN pads its square by exactly this many cells.")


def count_neighbours(solution: Callable[[int, int, list, int], int]) -> None:
    """count_neighbours(start, end, mask, kernel): the candidates under a kernel, itself included."""
    full = [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    holes = [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    cases = [
        ((1, 2, full, 1), 1, "A 1×1 kernel holds the candidate itself, and it counts."),
        ((1, 2, full, 3), 8, "Of nine cells one lies in the impossible half: start 2, end 1."),
        ((0, 0, full, 3), 3, "Cells outside the map do not count, and mask[-1] is not one of them."),
        ((0, 3, full, 3), 4, "In the upper right corner five of nine cells are outside the map."),
        ((0, 2, holes, 3), 2, "A hole does not count; the single clip 1 is diagonally below, and does."),
        ((1, 1, holes, 5), 4, "A 5×5 kernel covers this whole map, which has four candidates."),
    ]
    try_cases("count_neighbours", solution, cases, "This is what a map layer divides by.")


def fuse_map(solution: Callable[[Tensor, Tensor], Tensor]) -> None:
    """fuse_map(text, proposals): the fusion after its linear layers, of all candidates of a batch."""

    def right(text: Tensor, proposals: Tensor) -> Tensor:
        return F.normalize(text.unsqueeze(1) * proposals, dim=-1)

    cases = [
        (lambda: (torch.randn(1, 4), torch.randn(1, 3, 4)), "Product, channel by channel, then the L2 norm."),
        (
            lambda: (torch.randn(3, 5), torch.randn(3, 3, 5)),
            "Each sentence belongs to the candidates of its own video: (B, C) → (B, 1, C).",
        ),
        (lambda: (torch.randn(2, 3), torch.randn(2, 6, 3)), "The norm runs over the channels of each candidate."),
    ]
    mistakes = [
        (lambda text, proposals: text.unsqueeze(1) * proposals, "The norm is missing."),
        (
            lambda text, proposals: F.normalize(text.unsqueeze(1) * proposals, dim=1),
            "The norm runs over the channels of each candidate, the last dimension, not over the candidates.",
        ),
        (
            lambda text, proposals: F.normalize(text, dim=-1).unsqueeze(1) * F.normalize(proposals, dim=-1),
            "The product is normalised, not the two vectors before it.",
        ),
        (
            lambda text, proposals: F.normalize(text.unsqueeze(1) + proposals, dim=-1),
            "It adds: the fusion multiplies.",
        ),
        (
            lambda text, proposals: text.unsqueeze(1) * proposals / _norm(text.unsqueeze(1) * proposals).detach(),
            "The norm depends on both inputs, too: a gradient passes through it.",
        ),
    ]
    compare_functions(
        "fuse_map", solution, right, cases, "It is the fusion of LGN, gradients included.", mistakes=mistakes
    )


def _norm(x: Tensor) -> Tensor:
    return x.norm(dim=-1, keepdim=True)


def list_convolution(solution: type[nn.Module]) -> None:
    """MyListConvolution(channels, moments, kernel): a map layer over the candidates that exist."""
    holes = Moments(6, (2, 2))
    cases = [
        (
            (3, Moments(4, (4,)), 3),
            lambda: (torch.randn(1, 10, 3),),
            "Each neighbour that exists times the matrix of its own kernel cell, x @ W; then the bias, the ReLU, and "
            "the division by the number of neighbours.",
        ),
        ((2, Moments(3, (3,)), 3), lambda: (torch.randn(4, 6, 2),), "Each video of a batch has its own candidates."),
        ((4, holes, 3), lambda: (torch.randn(2, len(holes), 4),), "A cell without a candidate adds nothing."),
        ((2, holes, 5), lambda: (torch.randn(3, len(holes), 2),), "The kernel has k² cells."),
        ((3, holes, 1), lambda: (torch.randn(2, len(holes), 3),), "A 1×1 kernel holds the candidate itself."),
    ]

    class Whole(ListConvolution):  # the number of cells instead of the number of neighbours
        def __init__(self, channels, moments, kernel):
            super().__init__(channels, moments, kernel)
            self.share = torch.full_like(self.share, 1 / kernel**2)

    class Undivided(ListConvolution):
        def __init__(self, channels, moments, kernel):
            super().__init__(channels, moments, kernel)
            self.share = torch.ones_like(self.share)

    class Others(ListConvolution):
        def __init__(self, channels, moments, kernel):
            super().__init__(channels, moments, kernel)
            self.share = 1 / (1 / self.share - 1).clamp(min=1)

    def summed(self, x: Tensor) -> Tensor:
        sides = F.pad(x, (0, 0, 0, 1))[:, self.neighbours]  # (B, P, k², C)
        return torch.einsum("bpjc,jcd->bpd", sides, self.weight)

    class DividedFirst(ListConvolution):
        def forward(self, x):
            return F.relu(summed(self, x) * self.share + self.bias)

    class NoReLU(ListConvolution):
        def forward(self, x):
            return (summed(self, x) + self.bias) * self.share

    class Unbiased(ListConvolution):
        def forward(self, x):
            return F.relu(summed(self, x)) * self.share

    class Turned(ListConvolution):
        def forward(self, x):
            sides = F.pad(x, (0, 0, 0, 1))[:, self.neighbours]
            return F.relu(torch.einsum("bpjc,jdc->bpd", sides, self.weight) + self.bias) * self.share

    class Wrapped(ListConvolution):
        def forward(self, x):
            sides = F.pad(x, (0, 0, 0, 1))[:, self.neighbours.clamp(max=x.shape[1] - 1)]
            return F.relu(torch.einsum("bpjc,jcd->bpd", sides, self.weight) + self.bias) * self.share

    mistakes = [
        (Whole, "It divides by all k² cells: only those that hold a candidate count."),
        (Undivided, "The division by the number of neighbours is missing."),
        (Others, "The candidate itself counts as a neighbour, too."),
        (DividedFirst, "The division comes last: the bias and the ReLU come before it, as in 2D-TAN."),
        (NoReLU, "The ReLU is missing."),
        (Unbiased, "The bias is missing."),
        (Turned, "The matrices are (k², C_in, C_out): x @ W, not W @ x."),
        (Wrapped, "A neighbour with the number P does not exist: no other candidate takes its position."),
    ]
    right = "It is the package's ListConvolution, gradients included, though not as fast."
    compare_modules("MyListConvolution", solution, ListConvolution, cases, right, mistakes=mistakes)
