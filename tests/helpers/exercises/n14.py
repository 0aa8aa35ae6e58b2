"""What the tests know of 14_making_it_fast: a wrong answer to each exercise, and its counted numbers."""

WRONG = {
    "conv_products": lambda cells, kernel, c_in, c_out: cells * kernel * c_in * c_out,
    "feature_bytes": lambda batch, frames, width, precision: 4 * batch * frames * width,
    "square_cells": lambda num_clips, kernel, layers: layers * num_clips**2,
}

EXPECTED = {  # counted, never timed
    "multiply_adds toy": (21_324_032, 21_324_032),
    "square_over_list_counted toy": (4.6, 4.8),
    "square_over_list_counted charades-sta": (9.2, 9.4),
}
