"""Exercises of 06_fusion_and_map_convolution."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


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
