"""Exercises of 14_making_it_fast."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


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
