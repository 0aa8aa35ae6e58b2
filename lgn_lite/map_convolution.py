"""The map convolution over the list of candidates that exist: the map layers of the model, without the square."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lgn_lite.moments import Moments


class ListConvolution(nn.Module):
    """A k×k convolution over the candidates that exist, without the square map around them.

    For each of the k² cells of the kernel, the candidates that have a neighbour there are multiplied by that cell's
    matrix: a sum of k² products, none over a cell without a candidate. As in 2D-TAN the result is divided by the number
    of valid cells under the kernel; here only candidates count.

    Where the device multiplies faster than it copies, all neighbours are gathered side by side and multiplied at once,
    zeros if there is none. In half precision, a sum of k² rounded products would also lose digits; one product
    sums in single precision.
    """

    def __init__(self, channels: int, moments: Moments, kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(kernel * kernel, channels, channels))  # (k², C_in, C_out)
        self.bias = nn.Parameter(torch.empty(channels))
        # which candidates lie under the kernel follows from the map alone, and is worked out once
        neighbours = moments.neighbours(kernel)  # (P, k²), P if there is none
        exists = neighbours < len(moments)
        cell, at = exists.T.nonzero(as_tuple=True)  # ordered by kernel cell
        self.pairs = exists.sum(0).tolist()  # candidates with a neighbour at each kernel cell
        self.register_buffer("neighbours", neighbours, persistent=False)  # (P, k²)
        self.register_buffer("at", at, persistent=False)  # (all pairs,) the candidate
        self.register_buffer("neighbour", neighbours[at, cell], persistent=False)  # (all pairs,) its neighbour
        self.register_buffer("share", 1 / exists.sum(1).float().unsqueeze(1), persistent=False)  # (P, 1)
        bound = 1 / math.sqrt(kernel * kernel * channels)  # PyTorch's own for a convolution of this size
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(B, P, C) → (B, P, C)."""
        device = x.device.type
        autocast = device != "meta" and torch.is_autocast_enabled(device)  # shapes alone have none
        dtype = torch.get_autocast_dtype(device) if autocast else x.dtype
        # cast here: a hand-written backward pass runs outside autocast and must meet one type only
        x, weight = x.to(dtype), self.weight.to(dtype)
        if torch.onnx.is_in_onnx_export():
            product = self._by_rows(x, weight)
        elif dtype.itemsize < 4 or (x.is_cuda and _tf32()):
            product = _GatheredProduct.apply(x, weight, self.neighbours)
        else:  # (P, B, C): to take a candidate is to take a block of memory, which index_select does faster than x[q]
            product = _NeighbourProduct.apply(x.transpose(0, 1), weight, self.at, self.neighbour, self.pairs)
            product = product.transpose(0, 1)
        # ReLU, then the division, in 2D-TAN's order: its bias too is divided by the number of valid cells
        return F.relu(product + self.bias) * self.share  # (B, P, C)

    def _by_rows(self, x: Tensor, weight: Tensor) -> Tensor:
        """The same product in few operations: the neighbours under a row of the kernel side by side.

        For other software each row is a gather and a product: k² of each run no faster, and one alone takes k times
        the memory.
        """
        k = math.isqrt(len(weight))
        rows = zip(self.neighbours.chunk(k, dim=1), weight.chunk(k), strict=True)
        return sum(_side_by_side(x, neighbours) @ matrices.flatten(0, 1) for neighbours, matrices in rows)  # (B, P, C)


@torch.compiler.assume_constant_result  # torch.compile cannot trace it
def _tf32() -> bool:
    return torch.get_float32_matmul_precision() != "highest"


class _NeighbourProduct(torch.autograd.Function):
    """out[p] = Σ_j x[neighbour_j(p)] · weight[j], over the neighbours that exist.

    Written by hand because autograd would keep the neighbours of all k² kernel cells for the backward pass: k² times
    the memory of x. Here they are gathered once more instead.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, at: Tensor, neighbour: Tensor, pairs: list[int]) -> Tensor:
        P, B, C = x.shape  # candidates, batch, channels
        x = x.contiguous()
        ctx.save_for_backward(x, weight, at, neighbour)
        ctx.pairs = pairs
        out = x.new_zeros(P, B, weight.shape[2])
        for w, p, q in zip(weight, at.split(pairs), neighbour.split(pairs), strict=True):
            out.index_add_(0, p, (x.index_select(0, q).flatten(0, 1) @ w).unflatten(0, (len(p), B)))
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, weight, at, neighbour = ctx.saved_tensors
        B = x.shape[1]
        grad = grad.contiguous()
        grad_x, grad_weight = torch.zeros_like(x), torch.empty_like(weight)
        for j, (p, q) in enumerate(zip(at.split(ctx.pairs), neighbour.split(ctx.pairs), strict=True)):
            grad_p = grad.index_select(0, p).flatten(0, 1)  # (pairs·B, C_out)
            torch.mm(x.index_select(0, q).flatten(0, 1).T, grad_p, out=grad_weight[j])
            grad_x.index_add_(0, q, (grad_p @ weight[j].T).unflatten(0, (len(q), B)))
        return grad_x, grad_weight, None, None, None


class _GatheredProduct(torch.autograd.Function):
    """The same, with the k² neighbours of a candidate side by side in one row, and one product for some queries."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, neighbours: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, neighbours)
        matrix = weight.flatten(0, 1)  # (k²·C_in, C_out)
        return torch.cat([_side_by_side(part, neighbours) @ matrix for part in _parts(x, neighbours)])

    @staticmethod
    def backward(ctx, grad: Tensor):
        x, weight, neighbours = ctx.saved_tensors
        mirrored = neighbours.flip(1)  # whose neighbour a candidate is, by kernel cell
        matrix = weight.transpose(1, 2).flatten(0, 1)  # (k²·C_out, C_in)
        grad_x, grad_weight = [], torch.zeros(weight.shape, dtype=torch.float32, device=weight.device)
        for part, grad_part in zip(_parts(x, neighbours), _parts(grad, neighbours), strict=True):
            grad_x.append(_side_by_side(grad_part, mirrored) @ matrix)
            rows = _side_by_side(part, neighbours).flatten(0, 1)  # gathered once more, as above
            grad_weight += (rows.T @ grad_part.flatten(0, 1)).view(weight.shape)
        return torch.cat(grad_x), grad_weight.to(weight.dtype), None


GATHERED = 2**28  # numbers gathered at a time, at most, beyond one query's: 512 MB in half precision


def _parts(x: Tensor, neighbours: Tensor) -> tuple[Tensor, ...]:
    """(B, P, C) in parts of as many queries as memory holds with their gathered neighbours."""
    return x.split(max(1, GATHERED // (neighbours.numel() * x.shape[2])))


def _side_by_side(x: Tensor, neighbours: Tensor) -> Tensor:
    """(B, P, C) → (B, P, k²·C): the neighbours of each candidate, zeros if there is none."""
    B, P, _ = x.shape
    rows = F.pad(x, (0, 0, 0, 1)).flatten(0, 1)  # the number P means none
    # rows of one matrix: a GPU copies those 16 bytes at a time, along a second dimension number by number
    numbers = neighbours.flatten() + (P + 1) * torch.arange(B, device=x.device).unsqueeze(1)  # (B, P·k²)
    return rows.index_select(0, numbers.flatten()).view(B, P, -1)
