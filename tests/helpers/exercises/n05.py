"""What the tests know of 05_early_modulation: wrong answers with their messages, and bounds of its results."""

import math

import torch
from torch import nn


def _gates(matrix, sentence):
    return [sum(w * s for w, s in zip(row, sentence, strict=True)) for row in matrix]


def _by(gate):
    """Every channel of the feature by some function of its gate."""
    return lambda matrix, sentence, feature: [
        gate(g) * x for g, x in zip(_gates(matrix, sentence), feature, strict=True)
    ]


def _film(channel):
    return lambda projected, feature: [channel(projected, d, x, len(feature)) for d, x in enumerate(feature)]


def _in_place(matrix, sentence, feature):
    for d, gate in enumerate(_gates(matrix, sentence)):
        feature[d] *= gate
    return feature


WRONG = {
    "modulate": [
        (lambda matrix, sentence, feature: list(feature), "multiplied by it"),
        (lambda matrix, sentence, feature: _gates(matrix, sentence), "multiplied by it"),
        (
            lambda matrix, sentence, feature: [g + x for g, x in zip(_gates(matrix, sentence), feature, strict=True)],
            "not added",
        ),
        (_by(lambda g: 1 + g), "no bias"),
        (_by(lambda g: 1 / (1 + math.exp(-g))), "no sigmoid"),
        (_by(lambda g: max(0.0, g)), "no ReLU"),
        (_by(abs), "negative"),
        (_by(math.tanh), "no sigmoid"),
        (lambda matrix, sentence, feature: [sum(_gates(matrix, sentence)) * x for x in feature], "its own gate"),
        (
            lambda matrix, sentence, feature: [
                row[0] * sentence[0] * x for row, x in zip(matrix, feature, strict=True)
            ],
            "whole row",
        ),
        (
            lambda matrix, sentence, feature: [sum(row) * x for row, x in zip(matrix, feature, strict=True)],
            "times the sentence",
        ),
        (
            lambda matrix, sentence, feature: sum(
                g * x for g, x in zip(_gates(matrix, sentence), feature, strict=True)
            ),
            "the answer has",
        ),
        (lambda matrix, sentence, feature: [max(0.0, y) for y in _by(float)(matrix, sentence, feature)], "no ReLU"),
        (_in_place, "without a change of its arguments"),
    ],
    "film_relu": [
        (_film(lambda p, d, x, D: max(0.0, p[d] * x)), "then shift"),
        (_film(lambda p, d, x, D: p[d] * x + p[D + d]), "ReLU comes last"),
        (_film(lambda p, d, x, D: max(0.0, p[d] * x) + p[D + d]), "ReLU comes last"),
        (_film(lambda p, d, x, D: max(0.0, p[2 * d] * x + p[2 * d + 1])), "All scales come first"),
        (_film(lambda p, d, x, D: max(0.0, p[D + d] * x + p[d])), "scales come first"),
        (_film(lambda p, d, x, D: max(0.0, p[d] * (x + p[D + d]))), "Scale first"),
        (_film(lambda p, d, x, D: max(0.0, (1 + p[d]) * x + p[D + d])), "no 1 is added"),
        (_film(lambda p, d, x, D: max(0.0, p[d] * x - p[D + d])), "added"),
        (_film(lambda p, d, x, D: abs(p[d] * x + p[D + d])), "not the absolute value"),
        (_film(lambda p, d, x, D: max(0.0, p[d] * x + p[D])), "its own shift"),
        (_film(lambda p, d, x, D: max(0.0, p[d] * x + p[-1])), "its own shift"),
        (_film(lambda p, d, x, D: max(0.0, p[d]) * x + p[D + d]), "ReLU comes last"),
        (_film(lambda p, d, x, D: max(0.0, p[d] * x + p[D + d]) if x else 0.0), "silent channel"),
        (lambda projected, feature: [max(0.0, projected[0] * x + projected[len(feature)]) for x in feature], "its own"),
        (lambda projected, feature: [max(0.0, p) for p in projected], "Scale first"),
    ],
    "unit_parameters": [
        (lambda units, text_dim, channels, shift: units * text_dim * channels, "3 biases"),
        (lambda units, text_dim, channels, shift: units * text_dim * channels * (2 if shift else 1), "3 biases"),
        (lambda units, text_dim, channels, shift: units * (text_dim * channels + channels), "twice as many outputs"),
        (lambda units, text_dim, channels, shift: units * (2 * text_dim * channels + 2 * channels), "2 · 3 weights"),
        (lambda units, text_dim, channels, shift: (text_dim + 1) * channels * (1 + shift), "its own weights"),
        (lambda units, text_dim, channels, shift: units * (text_dim * channels + 1) * (1 + shift), "3 biases"),
        (lambda units, text_dim, channels, shift: units * (text_dim * channels + text_dim) * (1 + shift), "3 biases"),
        (
            lambda units, text_dim, channels, shift: units * (text_dim * channels * (1 + shift) + channels),
            "biases of the shifts",
        ),
        (
            lambda units, text_dim, channels, shift: units * (text_dim * channels + channels * (1 + shift)),
            "weights of the shifts",
        ),
        (lambda units, text_dim, channels, shift: max(1, units) * (text_dim + 1) * channels * (1 + shift), "no units"),
        (
            lambda units, text_dim, channels, shift: units * (channels * channels + channels) * (1 + shift),
            "2 · 3 weights",
        ),
        (lambda units, text_dim, channels, shift: units * (text_dim + channels) * (1 + shift), "2 · 3 weights"),
        (lambda units, text_dim, channels, shift: (text_dim + 1) * channels * (units + shift), "all is counted twice"),
        (lambda units, text_dim, channels, shift: (units * text_dim + 1) * channels * (1 + shift), "its own"),
    ],
}

EXPECTED = {
    "right, baseline": (30, 97),  # percent of the queries whose activity both figures do
    "right, early": (50, 100),
    "right, full": (50, 100),
    "AUC, sum after the ReLU": (45, 75),
    "AUC, sum before the ReLU": (80, 100),
    "AUC, sum before the ReLU, × 10": (85, 100),
    "AUC, product before the ReLU": (85, 100),
    "AUC, product before the ReLU, × 10": (85, 100),
    "AUC, product before fc7": (85, 100),
}


def modulation(forward, first: float | None = 1.0, bias: bool = True) -> type[nn.Module]:
    """A class with a linear layer `project` whose bias begins at `first`; None: as PyTorch has it."""

    class MyEarlyModulation(nn.Module):
        def __init__(self, text_dim, channels):
            super().__init__()
            self.project = nn.Linear(text_dim, channels, bias=bias)
            if bias and first is not None:
                nn.init.constant_(self.project.bias, first)

    MyEarlyModulation.forward = forward
    return MyEarlyModulation


def gate_of(self, sentence):
    return self.project(sentence).unsqueeze(1)


def in_place(self, features, sentence):
    features *= gate_of(self, sentence)
    return features


def without_return(self, features, sentence):
    gate_of(self, sentence) * features


def by_numpy(self, features, sentence):
    return torch.tensor((gate_of(self, sentence) * features).tolist())


def product(self, features, sentence):
    return gate_of(self, sentence) * features


WRONG["early_modulation"] = [
    (modulation(lambda self, f, s: f + gate_of(self, s)), "It adds"),
    (modulation(lambda self, f, s: f * gate_of(self, s).sigmoid()), "sigmoid"),
    (modulation(lambda self, f, s: f * gate_of(self, s).relu()), "closes every negative gate"),
    (modulation(lambda self, f, s: f * (1 + gate_of(self, s))), "The 1 is in the bias already"),
    (modulation(lambda self, f, s: f * self.project(s)), "(B, D) → (B, 1, D)"),
    (modulation(lambda self, f, s: f * self.project(s).unsqueeze(2)), "The gate is the linear layer"),
    (modulation(lambda self, f, s: f * gate_of(self, s)[:1]), "Each sentence has its own gate"),
    (modulation(lambda self, f, s: (f * gate_of(self, s)).mT), "another order"),
    (modulation(lambda self, f, s: f * gate_of(self, s).softmax(-1)), "The gate is the linear layer"),
    (modulation(lambda self, f, s: f * gate_of(self, nn.functional.normalize(s, dim=-1))), "The gate is the linear"),
    (modulation(product, first=None), "first values"),
    (modulation(product, first=0.0), "first values"),
    (modulation(product, bias=False), "parameters"),
    (modulation(lambda self, f, s: f * gate_of(self, s).detach()), "no gradient reaches"),
    (modulation(by_numpy), "no gradient reaches"),
    (modulation(in_place), "changing an input"),
    (modulation(without_return), "is a return missing"),
]
