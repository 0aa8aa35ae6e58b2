"""What the tests know of 05_early_modulation: a wrong answer to each exercise, and bounds of its results."""

WRONG = {
    "modulate": lambda matrix, sentence, feature: list(feature),
    "film_relu": lambda projected, feature: [max(0.0, projected[d] * x) for d, x in enumerate(feature)],
    "unit_parameters": lambda units, text_dim, channels, shift: units * text_dim * channels,
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
