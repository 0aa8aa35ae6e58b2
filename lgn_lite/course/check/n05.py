"""Exercises of 05_early_modulation."""

from collections.abc import Callable

import torch
from torch import nn

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_modules
from lgn_lite.model import EarlyModulation


def modulate(solution: Callable[[list, list, list], list]) -> None:
    """modulate(matrix, sentence, feature): eq. 2 for one frame."""
    matrix = [[1.0, 0.0], [0.0, 2.0], [1.0, -1.0]]
    cases = [
        (([[2.0]], [3.0], [5.0]), [30.0], "One channel: the gate is 2 · 3, and the feature is multiplied by it."),
        ((matrix, [1.0, 0.5], [2.0, 1.0, 4.0]), [2.0, 1.0, 2.0], "A gate is a row of the matrix times the sentence."),
        ((matrix, [0.0, 0.0], [2.0, 1.0, 4.0]), [0.0, 0.0, 0.0], "Eq. 2 has no bias: a sentence of zeros closes all."),
        ((matrix, [0.0, 1.0], [1.0, 1.0, 2.0]), [0.0, 2.0, -2.0], "Gates may be negative; eq. 2 has no ReLU."),
    ]
    try_cases("modulate", solution, cases, "With a bias of 1 it is the package's EarlyModulation.")


def film_relu(solution: Callable[[list, list], list]) -> None:
    """film_relu(projected, feature): scale and shift of every channel, then ReLU."""
    cases = [
        (([2.0, 1.0], [3.0]), [7.0], "Scale first, then shift: 2 · 3 + 1."),
        (([1.0, 2.0, 0.5, -0.5], [1.0, 1.0]), [1.5, 1.5], "All scales come first, then all shifts."),
        (([1.0, 1.0, 0.0, -3.0], [1.0, 2.0]), [1.0, 0.0], "The ReLU comes last: 2 − 3 is below zero."),
        (([5.0, 0.5], [0.0]), [0.5], "A shift lifts a silent channel, which no scale can."),
    ]
    try_cases("film_relu", solution, cases, "A negative shift works as a threshold.")


def unit_parameters(solution: Callable[[int, int, int, bool], int]) -> None:
    """unit_parameters(units, text_dim, channels, shift): weights and biases of the early units."""
    cases = [
        ((1, 2, 3, False), 9, "Three outputs: 2 · 3 weights and 3 biases."),
        ((2, 2, 3, False), 18, "Every unit has its own weights."),
        ((1, 2, 3, True), 18, "With a shift there are twice as many outputs."),
        ((0, 512, 4096, False), 0, "The baseline has no units."),
        ((2, 512, 4096, False), 4_202_496, "That fits small sizes only."),
    ]
    try_cases("unit_parameters", solution, cases, "The paper's two units have 4.2 million parameters.")


def early_modulation(solution: type[nn.Module]) -> None:
    """MyEarlyModulation(text_dim, channels): eq. 2 with the package's bias, for a batch of videos."""
    cases = [
        ((3, 4), lambda: (torch.randn(1, 2, 4), torch.randn(1, 3)), "The gate is the linear layer of f_s."),
        (
            (5, 2),
            lambda: (torch.randn(3, 3, 2), torch.randn(3, 5)),
            "Each sentence has its own gate, the same for all its frames: (B, D) → (B, 1, D).",
        ),
        ((2, 6), lambda: (torch.randn(2, 5, 6), torch.randn(2, 2)), "It is one factor per channel, not per frame."),
    ]

    class Added(EarlyModulation):
        def forward(self, features, sentence):
            return features + self.project(sentence).unsqueeze(1)

    class Sigmoid(EarlyModulation):
        def forward(self, features, sentence):
            return features * self.project(sentence).unsqueeze(1).sigmoid()

    class Clipped(EarlyModulation):
        def forward(self, features, sentence):
            return features * self.project(sentence).unsqueeze(1).relu()

    class OnePlus(EarlyModulation):
        def forward(self, features, sentence):
            return features * (1 + self.project(sentence).unsqueeze(1))

    mistakes = [
        (Added, "It adds: eq. 2 multiplies the feature by the gate."),
        (Sigmoid, "A sigmoid keeps the gate between 0 and 1: eq. 2 bounds neither its size nor its sign."),
        (
            Clipped,
            "A ReLU closes every negative gate: eq. 2 has none, and a flipped sign matters before the next ReLU.",
        ),
        (OnePlus, "The 1 is in the bias already: it is not added a second time."),
    ]
    right, first = "It is the package's EarlyModulation, gradients included.", ("project.bias",)
    compare_modules("MyEarlyModulation", solution, EarlyModulation, cases, right, initial=first, mistakes=mistakes)
