"""Exercises of 03_sentence_encoder."""

import math
from collections.abc import Callable

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.parts import dot


def encode_words(solution: Callable[[list, dict, int], list]) -> None:
    """encode_words(words, numbers, length): the numbers of a sentence, padded with zeros."""
    numbers = {"a": 2, "circle": 3, "red": 4}
    cases = [
        ((["a", "red", "circle"], numbers, 3), [2, 4, 3], "Look up every word, in the order of the sentence."),
        ((["a", "circle"], numbers, 4), [2, 3, 0, 0], "Fill up with 0 at the end, until there are `length` numbers."),
        ((["a", "blue", "circle"], numbers, 3), [2, 1, 3], "A word that the dictionary lacks has number 1."),
        ((["green"], numbers, 2), [1, 0], "An unknown word is 1, padding is 0: two different things."),
        ((["a", "a", "red"], numbers, 4), [2, 2, 4, 0], "A word that occurs twice has its number twice."),
    ]
    long = "Zeros fill up until there are `length` numbers in all, and no further."
    mistakes = [
        (lambda w, n, k: [n.get(x, 1) for x in w] + [0] * k, long),
        (lambda w, n, k: [n.get(x, 1) for x in w] + [0] * (k - len(w) + 1), long),
    ]
    right = "Vocabulary.encode and pad_sequence do the same."
    try_cases("encode_words", solution, cases, right, mistakes=mistakes)


def last_states(solution: Callable[[list, list], list]) -> None:
    """last_states(states, counts): the state after the last true word of each sentence."""
    states = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 0.0], [0.5, 0.5]]]

    def rows(pick: Callable) -> Callable:
        """The row that `pick` chooses from each sentence's rows, given its count and all counts."""
        return lambda states, counts: [pick(r, c, counts) for r, c in zip(states, counts, strict=True)]

    cases = [
        ((states, [3, 3]), [[5.0, 6.0], [0.5, 0.5]], "Without padding the last state is at the last position."),
        ((states, [3, 1]), [[5.0, 6.0], [7.0, 8.0]], "A sentence of one word ends at position 0; the rest is padding."),
        ((states, [2, 2]), [[3.0, 4.0], [9.0, 0.0]], "Each sentence has its own count, and positions count from 0."),
    ]
    zero = "Positions count from 0: the state after `count` words is at position count - 1."
    own = "Each sentence has its own count: pair the counts with the sentences."
    one = "One state of each sentence, the last valid one: none of the earlier ones has a part in it."
    mistakes = [
        (rows(lambda r, c, all_: r[-1]), "The last position of a shorter sentence is padding."),
        (rows(lambda r, c, all_: r[min(c, len(r) - 1)]), zero),
        (rows(lambda r, c, all_: r[c - 2]), zero),
        (rows(lambda r, c, all_: r[max(0, c - 2)]), zero),
        *((rows(lambda r, c, all_, f=f: r[f(all_) - 1]), own) for f in (max, min, lambda x: x[0], lambda x: x[-1])),
        (rows(lambda r, c, all_: r[0]), "That is the first state of each sentence: return the last one that is valid."),
        (rows(lambda r, c, all_: max(r[:c])), "That is the largest state: return the last one that is valid."),
        (rows(lambda r, c, all_: [sum(column) / c for column in zip(*r[:c], strict=True)]), one),
        (rows(lambda r, c, all_: [sum(column) / len(r) for column in zip(*r, strict=True)]), one),
        (rows(lambda r, c, all_: r[:c]), one),
        (lambda states, counts: states[-1][counts[-1] - 1], "One state of each sentence: only the last is returned."),
        (
            rows(lambda r, c, all_: [row for row in r if all(row)][-1]),
            "The counts say what is padding: a state may hold zeros.",
        ),
        (
            rows(lambda r, c, all_: [row for row in r if any(row)][-1]),
            "The counts say what is padding: it need not be zeros.",
        ),
    ]
    right = "In PyTorch: states[torch.arange(B), counts - 1]."
    try_cases("last_states", solution, cases, right, mistakes=mistakes)


def memory_left(solution: Callable[[float, int], float]) -> None:
    """memory_left(bias, steps): the share of a cell that its forget gate leaves."""
    kept = 1 / (1 + math.exp(-1.0))
    cases = [
        ((0.0, 1), 0.5, "The gate is the sigmoid of the bias, one half of 0: one word later half is left, as a share."),
        ((0.0, 3), 0.125, "Each word multiplies once more: 0.5 · 0.5 · 0.5."),
        ((1.0, 1), kept, "The gate is the sigmoid of the bias, not the bias."),
        ((1.0, 9), kept**9, "A power, not a product: the gate acts on what the last step has left."),
        ((-1.0, 2), (1 - kept) ** 2, "A negative bias forgets: the gate is below one half."),
        ((5.0, 0), 1.0, "Before any further word, all of it is left."),
    ]
    mistakes = [
        (lambda b, n: (1 / (1 + math.exp(b))) ** n, "The sigmoid is 1 / (1 + e^(−bias)): the minus is missing."),
        (lambda b, n: 1 - (1 / (1 + math.exp(-b))) ** n, "That is what is forgotten: return what is left."),
    ]
    right = "Zero weights leave this power; a trained gate depends on the words as well."
    try_cases("memory_left", solution, cases, right, mistakes=mistakes)


def nearest_sentence(solution: Callable[[list, list], int]) -> None:
    """nearest_sentence(vectors, query): the position of the vector with the highest cosine."""
    cases = [
        (([[1.0, 0.0], [0.0, 1.0]], [0.0, 2.0]), 1, "The second vector points exactly in the query's direction."),
        (([[9.0, 9.0], [0.0, 1.0]], [0.0, 2.0]), 1, "A long vector has a large dot product: divide by its norm."),
        (([[-1.0, 0.0], [0.6, 0.8]], [1.0, 0.0]), 1, "The opposite direction has cosine −1, the lowest of all."),
        (([[9.0, 0.0], [0.6, 0.8]], [1.0, 1.0]), 1, "A long vector has a large dot product: divide by its norm."),
        (([[1.0, 1.0], [2.0, 0.0], [0.2, 0.0]], [1.0, 1.0]), 0, "A short vector is not near for being short."),
        (
            ([[5.0, 5.5], [0.3, 0.4]], [6.0, 8.0]),
            1,
            "The nearest point is not the one in the nearest direction: compare angles, not the distance.",
        ),
        (([[3.0, 4.0], [5.0, 0.0], [0.0, 0.1]], [6.0, 8.0]), 0, "Return the position in the list, counted from 0."),
    ]

    def highest(likeness: Callable) -> Callable:
        return lambda vectors, query: max(range(len(vectors)), key=lambda i: likeness(vectors[i], query))

    def cosine(a: list, b: list) -> float:
        return dot(a, b) / math.hypot(*a) / math.hypot(*b)

    norm = "The norm is the root of the sum of squares."
    mistakes = [
        (highest(dot), "A dot product is larger for a longer vector: divide by its norm."),
        (highest(lambda v, q: -math.dist(v, q)), "The cosine compares directions, not the distance of two points."),
        (
            highest(lambda v, q: -sum(abs(a - b) for a, b in zip(v, q, strict=True))),
            "The cosine compares directions, not the distance of two points.",
        ),
        (highest(lambda v, q: -cosine(v, q)), "The highest cosine is nearest, not the lowest."),
        (
            highest(lambda v, q: abs(cosine(v, q))),
            "The opposite direction has cosine −1: do not take the absolute value.",
        ),
        (highest(lambda v, q: dot(v, q) / dot(v, v)), "Divide by the norm of the vector, not by its square."),
        (highest(lambda v, q: dot(v, q) / sum(map(abs, v))), norm),
        (highest(lambda v, q: dot(v, q) / max(map(abs, v))), norm),
        (lambda vectors, query: 1 + highest(cosine)(vectors, query), "Positions are counted from 0."),
        (
            lambda vectors, query: max(cosine(v, query) for v in vectors),
            "That is the highest cosine itself. Return the position of its vector.",
        ),
    ]
    right = "F.normalize and one matrix product do it for all at once."
    try_cases("nearest_sentence", solution, cases, right, mistakes=mistakes)
