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
    try_cases("conv_products", solution, cases, "The list form has less: only neighbours that exist count.")


def feature_bytes(solution: Callable[[int, int, int, str], int]) -> None:
    """feature_bytes(batch, frames, width, precision): bytes of a batch of features."""
    cases = [
        ((1, 1, 1, "float32"), 4, "32 bits are 4 bytes."),
        ((1, 1, 1, "bf16"), 2, "16 bits are 2 bytes."),
        ((16, 40, 256, "float32"), 655360, "Every video has `frames` rows of `width` numbers."),
        ((32, 256, 4096, "bf16"), 67108864, "bf16 halves the bytes of float32."),
    ]
    try_cases("feature_bytes", solution, cases, "A batch of 32 videos of Charades-STA in float32: 134 MB.")


def square_cells(solution: Callable[[int, int, int], int]) -> None:
    """square_cells(num_clips, kernel, layers): cells that all layers of the padded square compute."""
    cases = [
        ((4, 3, 1), 16, "A single layer is padded by one cell all round and leaves 4×4."),
        ((4, 3, 2), 52, "The first of two layers leaves a square two cells wider than the last: 6×6 + 4×4."),
        ((4, 1, 3), 48, "A 1×1 kernel shrinks nothing."),
        ((16, 5, 8), 7872, "A 5×5 layer shrinks the side by 4; the sides run from 44 down to 16."),
    ]
    try_cases("square_cells", solution, cases, "Against 8 · 136 candidates that is 7.2 times as many.")
