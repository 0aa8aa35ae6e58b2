"""Exercises of 05_early_modulation."""

import math
from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import dot


def modulate(solution: Callable[[list, list, list], list]) -> None:
    """modulate(matrix, sentence, feature): eq. 2 for one frame."""
    matrix = [[1.0, 0.0], [0.0, 2.0], [1.0, -1.0]]
    cases = [
        (([[2.0]], [3.0], [5.0]), [30.0], "One channel: the gate is 2 · 3, and the feature is multiplied by it."),
        ((matrix, [1.0, 0.5], [2.0, 1.0, 4.0]), [2.0, 1.0, 2.0], "A gate is a row of the matrix times the sentence."),
        ((matrix, [0.0, 0.0], [2.0, 1.0, 4.0]), [0.0, 0.0, 0.0], "Eq. 2 has no bias: a sentence of zeros closes all."),
        ((matrix, [0.0, 1.0], [1.0, 1.0, 2.0]), [0.0, 2.0, -2.0], "Gates may be negative; eq. 2 has no ReLU."),
    ]

    def by(gate: Callable) -> Callable:
        """Each channel by some gate of its row of the matrix and of the sentence."""
        return lambda m, s, f: [gate(row, s) * x for row, x in zip(m, f, strict=True)]

    mistakes = [
        (
            lambda m, s, f: [dot(row, s) + x for row, x in zip(m, f, strict=True)],
            "The gate is multiplied by the feature, not added to it.",
        ),
        (by(lambda row, s: 1 + dot(row, s)), "Eq. 2 has no bias: nothing is added to the gate."),
        (by(lambda row, s: 1 / (1 + math.exp(-dot(row, s)))), "Eq. 2 has no sigmoid: gates are not bounded."),
        (by(lambda row, s: math.tanh(dot(row, s))), "Eq. 2 has no sigmoid or tanh: gates are not bounded."),
        (
            lambda m, s, f: [sum(dot(row, s) for row in m) * x for x in f],
            "Each channel has its own gate, from its own row of the matrix.",
        ),
        (by(lambda row, s: row[0] * s[0]), "A gate takes the whole row of the matrix times the whole sentence."),
        (by(lambda row, s: sum(row)), "A gate is the row of the matrix times the sentence: the sentence is not used."),
        (by(lambda row, s: sum(s)), "A gate is the row of the matrix times the sentence: the matrix is not used."),
    ]
    right = "With a bias of 1 it is the package's EarlyModulation."
    try_cases("modulate", solution, cases, right, mistakes=mistakes)


def film_relu(solution: Callable[[list, list], list]) -> None:
    """film_relu(projected, feature): scale and shift of every channel, then ReLU."""
    cases = [
        (([2.0, 1.0], [3.0]), [7.0], "Scale first, then shift: 2 · 3 + 1."),
        (([1.0, 2.0, 0.5, -0.5], [1.0, 1.0]), [1.5, 1.5], "All scales come first, then all shifts."),
        (([2.0, 3.0, 0.5, 1.0], [1.0, 2.0]), [2.5, 7.0], "Every channel has its own scale and its own shift."),
        (([1.0, 1.0, 0.0, -3.0], [1.0, 2.0]), [1.0, 0.0], "The ReLU comes last: 2 − 3 is below zero."),
        (([5.0, 0.5], [0.0]), [0.5], "A shift lifts a silent channel, which no scale can."),
    ]

    def channels(value: Callable) -> Callable:
        return lambda p, f: [value(p, d, x, len(f)) for d, x in enumerate(f)]

    own = "Every channel has its own scale, at d, and its own shift, at D + d."
    mistakes = [
        (channels(lambda p, d, x, D: max(0.0, p[D + d] * x + p[d])), "The scales come first, then the shifts."),
        (
            channels(lambda p, d, x, D: max(0.0, (1 + p[d]) * x + p[D + d])),
            "The scale is used as it is: no 1 is added to it.",
        ),
        (channels(lambda p, d, x, D: max(0.0, p[d] * x - p[D + d])), "The shift is added, not subtracted."),
        (channels(lambda p, d, x, D: abs(p[d] * x + p[D + d])), "A ReLU is max(0, x), not the absolute value."),
        (channels(lambda p, d, x, D: max(0.0, p[d] * x + p[D])), own),
        (channels(lambda p, d, x, D: max(0.0, p[d] * x + p[-1])), own),
        (channels(lambda p, d, x, D: max(0.0, p[0] * x + p[D + d])), own),
        (channels(lambda p, d, x, D: max(0.0, p[0] * x + p[D])), own),
        (channels(lambda p, d, x, D: max(0.0, p[2 * d] * x + p[2 * d + 1])), "All scales come first, then all shifts."),
    ]
    try_cases("film_relu", solution, cases, "A negative shift works as a threshold.", mistakes=mistakes)


def unit_parameters(solution: Callable[[int, int, int, bool], int]) -> None:
    """unit_parameters(units, text_dim, channels, shift): weights and biases of the early units."""
    cases = [
        ((1, 2, 3, False), 9, "Three outputs: 2 · 3 weights and 3 biases."),
        ((2, 2, 3, False), 18, "Every unit has its own weights."),
        ((1, 2, 3, True), 18, "With a shift there are twice as many outputs."),
        ((2, 2, 3, True), 36, "Two units with a shift each: all is counted twice."),
        ((0, 512, 4096, False), 0, "The baseline has no units."),
        ((2, 512, 4096, False), 4_202_496, "That fits small sizes only."),
    ]
    mistakes = [
        (lambda u, h, c, s: u * (h * c * (1 + s) + c), "The biases of the shifts are missing: each output has one."),
        (
            lambda u, h, c, s: u * (h * c + c * (1 + s)),
            "The weights of the shifts are missing: each output has its own.",
        ),
    ]
    right = "The paper's two units have 4.2 million parameters."
    try_cases("unit_parameters", solution, cases, right, mistakes=mistakes)
