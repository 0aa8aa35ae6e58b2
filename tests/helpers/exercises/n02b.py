"""What the tests know of 02b_frames_to_features: a wrong answer to each exercise, and where its numbers lie."""

WRONG = {
    "span_rows": lambda i, T, n: (round(i * T / n), round((i + 1) * T / n)),
    "detects": lambda values, there: 100 * sum(v > 0 for v, t in zip(values, there, strict=True) if t) / sum(there),
}

EXPECTED = {  # of Toy-STA tiny as of small
    "vgg16_parameters": (138_357_544, 138_357_544),
    "vgg16_fc6_share": (74.2, 74.3),  # percent
    "concept_accuracy": (75, 100),
    "who_fc6": (75, 100),  # the binding is there in fc6 …
    "who_scores": (45, 80),  # … and hardly in the scores
    "single_conv1": (60, 82),
    "single_fc6": (78, 100),
    "relu_gap_2_rows": (2, 20),
    "relu_gap_16_rows": (10, 40),
    "last_row_lost": (90, 100),
}
