"""What the tests know of 05_early_modulation: wrong answers with their messages, and bounds of its results."""

import math


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
    "right, baseline": (80, 97),  # percent of the queries whose activity both figures do
    "right, early": (92, 100),
    "right, full": (92, 100),
    "wrong figure, baseline": (1, 10),
    "wrong figure, full": (0, 4),
    "AUC, no sentence": (50, 72),
    "AUC, added after fc7": (50, 72),
    "AUC, multiplied after fc7": (88, 100),
    "AUC, multiplied before fc7": (88, 100),
    "gates, other shape": (0.8, 1.0),
}
