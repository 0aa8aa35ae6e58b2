"""Exercises of 06_fusion_and_map_convolution."""

from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import norm, scaled


def fuse(solution: Callable[[list, list], list]) -> None:
    """fuse(sentence, candidate): Hadamard product and L2 norm (section 3.4), after the linear layers."""

    def by(size: Callable) -> Callable:
        """The product divided by something else than its norm."""
        return lambda s, v: [
            a * b / z if (z := size(s, v, [x * y for x, y in zip(s, v, strict=True)])) else 0.0
            for a, b in zip(s, v, strict=True)
        ]

    cases = [
        (([1.0, 0.0], [5.0, 7.0]), [1.0, 0.0], "If the sentence is 0, nothing of the candidate is left."),
        (([3.0, 1.0], [1.0, 4.0]), [0.6, 0.8], "The product is [3, 4], and its norm is 5."),
        (([-3.0, 1.0], [-1.0, -4.0]), [0.6, -0.8], "Two negatives agree; keep the signs."),
        (([30.0, 10.0], [1.0, 4.0]), [0.6, 0.8], "The size of the sentence must cancel."),
        (([1.0, 0.0], [0.0, 2.0]), [0.0, 0.0], "If nothing is left, there is nothing to divide by."),
    ]
    after = "The norm is taken after the product, and once: what comes out then has norm 1."
    length = "The product is divided by the root of its sum of squares: of [3, 4] its norm is 5."
    mistakes = [
        (by(lambda s, v, p: 1), length),
        (by(lambda s, v, p: sum(p)), length),
        (by(lambda s, v, p: sum(map(abs, p))), length),
        (by(lambda s, v, p: max(map(abs, p))), length),
        (by(lambda s, v, p: norm(p) ** 2), length),
        (by(lambda s, v, p: norm(p) / len(p) ** 0.5), "The norm is 1 afterwards: no factor √C follows here."),
        (by(lambda s, v, p: norm(s) * norm(v)), after),
        (by(lambda s, v, p: norm(s)), after),
        (by(lambda s, v, p: norm(v)), "Divide by the norm of the product, not of one of its factors."),
        (lambda s, v: scaled(x := [a + b for a, b in zip(s, v, strict=True)], norm(x)), "It is a product, not a sum."),
        (lambda s, v: scaled([*s, *v], norm([*s, *v])), "It is a product, not a sum or a list of both."),
    ]
    right = "The linear layers before it are all that is learned in the fusion."
    try_cases("fuse", solution, cases, right, mistakes=mistakes)


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
    one = "Count the cells in one direction from the middle, not all that the kernel covers."
    add = "Each layer adds the reach of its kernel, from where the layer before ended."
    mistakes = [
        (lambda n, k: n * (k - 1), one),
        (lambda n, k: 1 + n * (k - 1), one),
        (lambda n, k: k * k // 2 * n, one),
        (lambda n, k: n + k // 2, add),
        (lambda n, k: n + k // 2 - 1, add),
        (lambda n, k: n * ((k + 1) // 2), "The middle cell does not count: it is zero cells away."),
    ]
    try_cases("reach", solution, cases, "2D-TAN pads its square by exactly this many cells.", mistakes=mistakes)


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
        ((3, 3, full, 3), 3, "The last row and column are inside the map; what lies past them is not."),
    ]

    def cells(half: Callable, inside: Callable, stop: int = 1) -> Callable:
        def solution(start: int, end: int, mask: list, kernel: int) -> int:
            h, n = half(kernel), len(mask)
            rows, columns = (range(x - h, x + h + stop) for x in (start, end))
            return sum(bool(inside(i, j, n) and mask[i][j]) for i in rows for j in columns)

        return solution

    def within(i: int, j: int, n: int) -> bool:
        return 0 <= i < n and 0 <= j < n

    right_one = cells(lambda k: k // 2, within)
    swapped = "The mask is mask[start][end]: rows are starts, columns are ends."
    mistakes = [
        (cells(lambda k: k, within), "A kernel has half of it on each side of the middle: kernel // 2 cells."),
        (cells(lambda k: k // 2, within, stop=0), "It reaches as far on both sides: range leaves out its end."),
        (lambda s, e, mask, k: right_one(e, s, mask, k), swapped),
        (lambda s, e, mask, k: right_one(s, e, list(zip(*mask, strict=True)), k), swapped),
        (lambda s, e, mask, k: sum(map(sum, mask)), "Count only the cells that lie under the kernel."),
        (
            cells(lambda k: k // 2, lambda i, j, n: 0 < i < n and 0 < j < n),
            "Clips are counted from 0: row 0 is on the map.",
        ),
        (
            cells(lambda k: k // 2, lambda i, j, n: 0 <= i < n - 1 and 0 <= j < n - 1),
            "The last row and column are on the map, too.",
        ),
        (
            lambda s, e, mask, k: sum(
                bool(within(s + d, e + d, len(mask)) and mask[s + d][e + d]) for d in range(-(k // 2), k // 2 + 1)
            ),
            "The kernel is a whole square: start and end move independently.",
        ),
    ]
    right = "This is what a map layer divides by."
    try_cases("count_neighbours", solution, cases, right, mistakes=mistakes)
