"""Exercises of 03_sentence_encoder."""

import math
from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases


def encode_words(solution: Callable[[list, dict, int], list]) -> None:
    """encode_words(words, numbers, length): the numbers of a sentence, padded with zeros."""
    numbers = {"a": 2, "circle": 3, "red": 4}
    cases = [
        ((["a", "red", "circle"], numbers, 3), [2, 4, 3], "Look up every word, in the order of the sentence."),
        ((["a", "circle"], numbers, 4), [2, 3, 0, 0], "Fill up with 0 until there are `length` numbers."),
        ((["a", "blue", "circle"], numbers, 3), [2, 1, 3], "A word that the dictionary lacks has number 1."),
        ((["green"], numbers, 2), [1, 0], "An unknown word is 1, padding is 0: two different things."),
    ]
    try_cases("encode_words", solution, cases, "Vocabulary.encode and pad_sequence do the same.")


def last_states(solution: Callable[[list, list], list]) -> None:
    """last_states(states, counts): the state after the last true word of each sentence."""
    states = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 0.0], [0.5, 0.5]]]
    cases = [
        ((states, [3, 3]), [[5.0, 6.0], [0.5, 0.5]], "Without padding the last state is at the last position."),
        ((states, [3, 1]), [[5.0, 6.0], [7.0, 8.0]], "A sentence of one word ends at position 0; the rest is padding."),
        ((states, [2, 2]), [[3.0, 4.0], [9.0, 0.0]], "Each sentence has its own count, and positions count from 0."),
    ]
    try_cases("last_states", solution, cases, "In PyTorch: states[torch.arange(B), counts - 1].")


def memory_left(solution: Callable[[float, int], float]) -> None:
    """memory_left(bias, steps): the share of a cell that its forget gate leaves."""
    kept = 1 / (1 + math.exp(-1.0))
    cases = [
        ((0.0, 1), 0.5, "Sigmoid of 0 is one half: one word later half of the memory is left."),
        ((0.0, 3), 0.125, "Each word multiplies once more: 0.5 · 0.5 · 0.5."),
        ((1.0, 1), kept, "The gate is the sigmoid of the bias, not the bias."),
        ((1.0, 9), kept**9, "A power, not a product: the gate acts on what the last step has left."),
        ((5.0, 0), 1.0, "Before any further word, all of it is left."),
    ]
    try_cases("memory_left", solution, cases, "The measured lines follow this power as long as nothing is trained.")


def nearest_sentence(solution: Callable[[list, list], int]) -> None:
    """nearest_sentence(vectors, query): the position of the vector with the highest cosine."""
    cases = [
        (([[1.0, 0.0], [0.0, 1.0]], [0.0, 2.0]), 1, "The second vector points exactly in the query's direction."),
        (([[9.0, 9.0], [0.0, 1.0]], [0.0, 2.0]), 1, "A long vector has a large dot product: divide by its norm."),
        (([[-1.0, 0.0], [0.6, 0.8]], [1.0, 0.0]), 1, "The opposite direction has cosine −1, the lowest of all."),
        (([[3.0, 4.0], [5.0, 0.0], [0.0, 0.1]], [6.0, 8.0]), 0, "Return the position in the list, counted from 0."),
    ]
    try_cases("nearest_sentence", solution, cases, "F.normalize and one matrix product do it for all at once.")
