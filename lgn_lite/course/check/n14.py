"""Exercises of 14_making_it_fast."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lgn_lite.course.check.cases import is_stub, not_written, raised, try_cases
from lgn_lite.course.check.modules import TOLERANCE
from lgn_lite.loss import moment_loss


def conv_products(solution: Callable[[int, int, int, int], int]) -> None:
    """conv_products(cells, kernel, c_in, c_out): multiply-adds of an ordinary convolution."""
    cases = [
        ((1, 1, 3, 4), 12, "A 1×1 convolution of one cell is one product of a 3-vector with a 3×4 matrix."),
        ((10, 1, 3, 4), 120, "Each cell costs the same."),
        ((10, 3, 3, 4), 1080, "A 3×3 kernel reads nine cells for each that it computes."),
        ((136, 5, 512, 512), 136 * 25 * 512**2, "Kernel squared, and both channel numbers."),
    ]
    matrix = "Every input channel meets every output channel: multiply both channel numbers."
    window = "A k×k kernel reads k² cells, its own cell among them."
    mistakes = [
        (lambda n, k, a, b: n * k * k * a, matrix),
        (lambda n, k, a, b: n * k * k * b, matrix),
        (lambda n, k, a, b: n * k * k * a * a, matrix),
        (lambda n, k, a, b: n * k * k * (a + b), matrix),
        (
            lambda n, k, a, b: n * (k * k + a * b),
            "Each of the k² cells has its own matrix product: multiply, do not add.",
        ),
        (lambda n, k, a, b: 2 * n * k * k * a * b, "A multiplication and the addition after it are one multiply-add."),
        (lambda n, k, a, b: n * (k * k * a * b + b), "The bias is an addition only: it is no multiply-add."),
        (lambda n, k, a, b: n * 2 * k * a * b, f"{window} A 3×3 kernel reads nine cells."),
        (lambda n, k, a, b: n * (k * k - 1) * a * b, window),
        (lambda n, k, a, b: n * (k // 2) * a * b, window),
        (
            lambda n, k, a, b: (n - k + 1) * k * k * a * b,
            "`cells` is the number of cells that come out: all of them are computed.",
        ),
    ]
    right = "The list form has less: only neighbours that exist count."
    try_cases("conv_products", solution, cases, right, mistakes=mistakes)


def feature_bytes(solution: Callable[[int, int, int, str], int]) -> None:
    """feature_bytes(batch, frames, width, precision): bytes of a batch of features."""
    cases = [
        ((1, 1, 1, "float32"), 4, "32 bits are 4 bytes."),
        ((1, 1, 1, "bf16"), 2, "16 bits are 2 bytes."),
        ((16, 40, 256, "float32"), 655360, "Every video has `frames` rows of `width` numbers."),
        ((32, 256, 4096, "bf16"), 67108864, "bf16 halves the bytes of float32."),
    ]
    mistakes = [
        (lambda b, f, w, p: b * f * w * (32 if p == "float32" else 16), "These are bits: a byte has 8 bits."),
        (lambda b, f, w, p: b * f * w * (4 if p == "float32" else 2) / 1e6, "Bytes, not megabytes."),
        (lambda b, f, w, p: b * f * w * (4 if p == "float32" else 2) / 2**20, "Bytes, not megabytes."),
    ]
    right = "A batch of 32 videos of Charades-STA in float32: 134 MB."
    try_cases("feature_bytes", solution, cases, right, mistakes=mistakes)


def square_cells(solution: Callable[[int, int, int], int]) -> None:
    """square_cells(num_clips, kernel, layers): cells that all layers of the padded square compute."""
    cases = [
        ((4, 3, 1), 16, "A single layer is padded by one cell all round and leaves 4×4."),
        ((4, 3, 2), 52, "The first of two layers leaves a square two cells wider than the last: 6×6 + 4×4."),
        ((4, 1, 3), 48, "A 1×1 kernel shrinks nothing."),
        ((16, 5, 8), 7872, "A 5×5 layer shrinks the side by 4; the sides run from 44 down to 16."),
    ]
    mistakes = [
        (
            lambda n, k, m: (n + (m - 1) * (k - 1)) ** 2,
            "That is the first layer alone: add up the cells of all layers.",
        ),
        (lambda n, k, m: n * n * k * k * m, "Count cells, not products: the kernel only sets how far a layer shrinks."),
    ]
    right = "Against 8 · 136 candidates that is 7.2 times as many."
    try_cases("square_cells", solution, cases, right, mistakes=mistakes)


def _accumulate(model: nn.Module, x: Tensor, iou: Tensor, size: int) -> float:
    """The right answer."""
    return _accumulated(model, x, iou, size, lambda n, B, parts: n / B)


def _accumulated(
    model: nn.Module, x: Tensor, iou: Tensor, size: int, weigh: Callable[[int, int, int], float], clear: str = "before"
) -> float:
    """Gradients of all parts, each weighed by weigh(its rows, all rows, number of parts); the sum of their losses."""
    if clear == "before":
        model.zero_grad()
    total, parts = 0.0, list(zip(x.split(size), iou.split(size), strict=True))
    for x_part, iou_part in parts:
        if clear == "each":
            model.zero_grad()
        loss = weigh(len(x_part), len(x), len(parts)) * moment_loss(model(x_part), iou_part, 0.3, 1.0)
        loss.backward()
        total += loss.item()
    return total


@dataclass
class _Step:
    """What a call of `accumulate` returned and left."""

    loss: object = None
    gradients: Tensor | None = None  # of all parameters, one after another; None: one has none
    rows: int = 0  # at most in the model at a time
    moved: bool = False  # whether a parameter was changed
    error: Exception | None = None

    def complaint(self, right: "_Step", size: int) -> str:
        """What is wrong, as "A but it should be B. Why.", or "" if nothing is."""
        if self.error is not None:
            return "raised"
        if self.rows > size:
            return f"{self.rows} rows to the model at a time but it should be at most {size}. Cut x and iou with split."
        if self.moved:
            return (
                "other weights to the model but it should be the same ones. Only the gradients are asked for: the "
                "optimiser takes its step afterwards."
            )
        if self.gradients is None:
            return "no gradient to a parameter but it should be one. Call backward on the loss of every part."
        if self.loss is None:
            return f"None but it should be {right.loss:.4f}. It returned None: is a return missing?"
        if not torch.allclose(self.gradients, right.gradients, rtol=TOLERANCE, atol=1e-6):
            worst = (self.gradients - right.gradients).abs().argmax()
            return f"a gradient of {self.gradients[worst]:.4f} but it should be {right.gradients[worst]:.4f}. "
        try:
            found = float(self.loss)
        except (TypeError, ValueError):
            found = float("nan")
        if not abs(found - right.loss) <= 1e-5:
            shown = f"{found:.4f}" if found == found else f"a {type(self.loss).__name__}"
            return f"{shown} as the loss but it should be {right.loss:.4f}. It is the mean over all rows of the batch."
        return ""


@contextmanager
def _counting(model: nn.Module) -> Iterator[list[int]]:
    """The rows of every call of the model."""
    rows: list[int] = []
    hook = model.register_forward_pre_hook(lambda module, given: rows.append(len(given[0])))
    try:
        yield rows
    finally:
        hook.remove()


def _step(solution: Callable, B: int, size: int) -> _Step:
    torch.manual_seed(14)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4))
    x, iou = 2 * torch.randn(B, 3), torch.rand(B, 4)
    for parameter in model.parameters():  # of the step before, as any training loop meets them
        parameter.grad = torch.ones_like(parameter)
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    found = _Step()
    with _counting(model) as rows:
        try:
            found.loss = solution(model, x, iou, size)
        except Exception as error:
            found.error = error
            return found
    gradients = [parameter.grad for parameter in model.parameters()]
    found.gradients = None if any(g is None for g in gradients) else torch.cat([g.flatten() for g in gradients])
    found.rows = max(rows, default=0)
    found.moved = not torch.equal(nn.utils.parameters_to_vector(model.parameters()).detach(), before)
    return found


def accumulate(solution: Callable[[nn.Module, Tensor, Tensor, int], float]) -> None:
    """accumulate(model, x, iou, size): the gradient of a large batch, from parts of at most `size` rows."""
    if is_stub(solution):
        print(not_written("accumulate"))
        return
    cases = [
        (4, 4, "One part is the whole batch: clear the old gradients, then call backward once."),
        (6, 2, "Three equal parts: the loss is a mean over all rows, so that each part counts a third."),
        (7, 3, "Three parts of 3, 3 and 1 rows: each counts by its share of the rows."),
        (5, 4, "Two parts of 4 and 1 rows: each counts by its share of the rows, and the last one is not left out."),
    ]

    def without_last(model, x, iou, size):
        whole = max(size, len(x) // size * size)
        return _accumulated(model, x[:whole], iou[:whole], size, lambda n, B, parts: n / len(x))

    def weighed(weigh, clear="before"):
        return lambda *arguments: _accumulated(*arguments, weigh, clear)

    share = "The loss of a part is a mean over its own rows: its weight is its share of all rows."
    mistakes = [
        (weighed(lambda n, B, parts: n / B, "each"), "zero_grad within the loop forgets the parts before."),
        (weighed(lambda n, B, parts: n / B, "never"), "Clear what the gradients held before, once, before the loop."),
        (weighed(lambda n, B, parts: 1.0), "The parts' means are added up: " + share[0].lower() + share[1:]),
        (weighed(lambda n, B, parts: 1 / parts), "The last part is smaller and counts less. " + share),
        (weighed(lambda n, B, parts: 1 / (B // n)), share),
        (without_last, "The last part is left out where it is smaller than the others."),
    ]
    sizes = [(B, size) for B, size, _ in cases]
    rights, founds = ([_step(which, *pair) for pair in sizes] for which in (_accumulate, solution))
    for (B, size, why), right, found in zip(cases, rights, founds, strict=True):
        call = f"accumulate(model, x: tensor({B}, 3), iou: tensor({B}, 4), size: {size})"
        if found.error is not None:
            words = f"{call} {raised(found.error, solution)}, but it should be a loss of {right.loss:.4f}. {why}"
            raise AssertionError(words) from found.error
        if complaint := found.complaint(right, size):
            if complaint.endswith(". "):  # a gradient: which mistake makes it?
                complaint += _known(founds, sizes, mistakes) or why
            raise AssertionError(f"{call} gave {complaint}")
    print("accumulate: right. With it a batch is limited by time, and no longer by memory.")


def _known(founds: list[_Step], sizes: list[tuple[int, int]], mistakes: list[tuple[Callable, str]]) -> str | None:
    """The reason of the mistake that leaves the same gradients in every case."""
    for mistake, why in mistakes:
        others = [_step(mistake, *pair) for pair in sizes]
        if all(
            ours.gradients is not None and torch.allclose(ours.gradients, theirs.gradients, rtol=TOLERANCE, atol=1e-6)
            for ours, theirs in zip(founds, others, strict=True)
        ):
            return why
    return None
