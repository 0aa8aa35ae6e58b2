"""What the tests know of 06_fusion_and_map_convolution: a wrong answer to each exercise, bounds of its results."""

WRONG = {
    "fuse": lambda sentence, candidate: [s * v for s, v in zip(sentence, candidate, strict=True)],
    "reach": lambda layers, kernel: layers * kernel,
    "count_neighbours": lambda start, end, mask, kernel: kernel * kernel,
}
EXPECTED = {
    "neighbours": (19.3, 19.5),  # of 25 on the map of Charades-STA
    "heard_1": (9, 9),
    "loss_a_layer_torch": (35, 75),  # √6 n is 47
    "loss_a_layer_unit": (0.6, 1.2),
    "signal_torch": (0, 1e-10),
    "dense_differs_1": (0, 1e-4),
    "dense_differs_2": (1e-3, 10),
}
