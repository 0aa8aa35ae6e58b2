"""Exercises of 03_sentence_encoder."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from lgn_lite.course.check.cases import try_cases
from lgn_lite.course.check.modules import compare_modules
from lgn_lite.model import SentenceEncoder


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
    try_cases(
        "memory_left",
        solution,
        cases,
        "So much arrives by the cell alone; the state that each step reads back adds to it.",
    )


def nearest_sentence(solution: Callable[[list, list], int]) -> None:
    """nearest_sentence(vectors, query): the position of the vector with the highest cosine."""
    cases = [
        (([[1.0, 0.0], [0.0, 1.0]], [0.0, 2.0]), 1, "The second vector points exactly in the query's direction."),
        (([[9.0, 9.0], [0.0, 1.0]], [0.0, 2.0]), 1, "A long vector has a large dot product: divide by its norm."),
        (([[-1.0, 0.0], [0.6, 0.8]], [1.0, 0.0]), 1, "The opposite direction has cosine −1, the lowest of all."),
        (([[3.0, 4.0], [5.0, 0.0], [0.0, 0.1]], [6.0, 8.0]), 0, "Return the position in the list, counted from 0."),
    ]
    try_cases("nearest_sentence", solution, cases, "F.normalize and one matrix product do it for all at once.")


def sentence_core(solution: type[nn.Module]) -> None:
    """SentenceCore(vocabulary_size, word_dim, text_dim): word numbers (B, W) and counts (B,) to f_s (B, text_dim)."""

    def batch(words: int, *counts: int) -> tuple[Tensor, Tensor]:
        numbers = torch.randint(1, words, (len(counts), max(counts)))
        known = torch.tensor(counts)
        return numbers * (torch.arange(max(counts)) < known[:, None]), known  # 0 is padding

    cases = [
        (
            (9, 3, 4),
            lambda: batch(9, 5),
            "Embedding, LSTM, the state after the last word, linear, and nothing after it.",
        ),
        ((9, 3, 4), lambda: batch(9, 4, 4, 4), "The batch is the first dimension: nn.LSTM needs batch_first=True."),
        ((7, 5, 2), lambda: batch(7, 2, 6, 1), "Each sentence ends at its own count; what follows is padding."),
        ((12, 2, 6), lambda: batch(12, 7, 3, 5, 3), "The results belong to the sentences in the order of the batch."),
    ]
    before = "That is the state before the last word: positions count from 0, so the last word is at counts − 1."
    choices = [
        (lambda states, counts: states[:, -1], "The last column is padding where a sentence is shorter."),
        (lambda states, counts: states.mean(1), "Take one state per sentence, not the mean of all."),
        (_mean_of_words, "Take the state after the last word, not the mean over the words."),
        (lambda states, counts: states.amax(1), "Take one state per sentence, not the maximum over all."),
        (lambda states, counts: states[:, 0], "That is the state after the first word."),
        (lambda states, counts: states[torch.arange(len(counts)), (counts - 2).clamp(min=0)], before),
    ]
    # padding_idx changes the gradient of what reads the padding
    mistakes = [(_core(choose, padding=padding), why) for choose, why in choices for padding in (0, None)]
    mistakes += [
        (_core(cell=True), "That is the cell, the LSTM's memory: f_s is made of the state, which nn.LSTM names first."),
        (_core(sort=True), "The sentences were sorted by length for the packing: bring the results back in order."),
        (_core(after=torch.relu), "f_s is what the linear layer gives: no ReLU after it."),
        (_core(after=torch.tanh), "f_s is what the linear layer gives: no tanh after it."),
    ]

    def reference(vocabulary_size: int, word_dim: int, text_dim: int) -> SentenceEncoder:
        return SentenceEncoder(word_dim, text_dim, layers=1, vocabulary_size=vocabulary_size)

    right = "The same numbers and gradients as SentenceEncoder, with one layer."
    compare_modules("SentenceCore", solution, reference, cases, right, mistakes=mistakes)


def _mean_of_words(states: Tensor, counts: Tensor) -> Tensor:
    known = torch.arange(states.shape[1]) < counts[:, None]  # (B, W)
    return (states * known[..., None]).sum(1) / counts[:, None]


def _core(
    choose: Callable[[Tensor, Tensor], Tensor] | None = None,
    after: Callable[[Tensor], Tensor] = lambda x: x,
    cell: bool = False,
    sort: bool = False,
    padding: int | None = 0,
) -> type[nn.Module]:
    """A sentence encoder that takes another state, another vector of the LSTM, another order, or does more after it."""

    class Core(nn.Module):
        def __init__(self, vocabulary_size: int, word_dim: int, text_dim: int):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary_size, word_dim, padding_idx=padding)
            self.lstm = nn.LSTM(word_dim, text_dim, batch_first=True)
            self.linear = nn.Linear(text_dim, text_dim)

        def forward(self, words: Tensor, counts: Tensor) -> Tensor:
            if sort:
                words, counts = words[counts.argsort(descending=True)], counts.sort(descending=True).values
            packed = pack_padded_sequence(self.embedding(words), counts, batch_first=True, enforce_sorted=False)
            _, (state, memory) = self.lstm(packed)
            last = (memory if cell else state)[-1]
            return after(self.linear(choose(self.lstm(self.embedding(words))[0], counts) if choose else last))

    return Core
