"""What the tests know of 03_sentence_encoder: a wrong answer to each exercise, and what its numbers should be."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

WRONG = {
    "encode_words": lambda words, numbers, length: [numbers.get(word, 0) for word in words],
    "last_states": lambda states, counts: [rows[-1] for rows in states],
    "memory_left": lambda bias, steps: 0.5**steps,
    "nearest_sentence": lambda vectors, query: max(
        range(len(vectors)), key=lambda i: sum(a * b for a, b in zip(vectors[i], query, strict=True))
    ),
}

EXPECTED = {
    "vocabulary": (71, 71),
    "first word, untrained, init torch": (0.0, 0.03),
    "first word, untrained, init unit": (0.05, 0.25),
    "first word, trained LGN": (0.25, 1.0),
    "cosine, same activity, other words": (0.8, 1.0),
    "cosine, other activity": (0.3, 0.8),
    "R1@0.5": (75, 95),
    "R1@0.5, padding read": (30, 80),
    "R1@0.5 turned, colour": (0, 60),
    "R1@0.5 turned, shape": (70, 95),
    "first word, cell alone, untrained, init torch": (0.001, 0.004),  # a gate of 1/2, nine times
    "first word, cell alone, untrained, init unit": (0.04, 0.08),  # σ(1), nine times
    "above chance, ordinal, nearest to the middle": (30, 52),
    "above chance, ordinal, counting, as the sentence asks": (40, 60),
}


class Core(nn.Module):
    """A right sentence encoder, of which the wrong ones change a part."""

    batch_first = True

    def __init__(self, vocabulary_size, word_dim, text_dim):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, word_dim)
        self.lstm = nn.LSTM(word_dim, text_dim, batch_first=self.batch_first)
        self.linear = nn.Linear(text_dim, text_dim)

    def forward(self, words, counts):
        states, _ = self.lstm(self.embedding(words))
        return self.linear(self.choose(states, counts))

    def choose(self, states, counts):
        return states[torch.arange(len(counts)), counts - 1]


class LastColumn(Core):
    def choose(self, states, counts):
        return states[:, -1]


class OneTooFar(Core):
    def choose(self, states, counts):
        return states[torch.arange(len(counts)), counts]


class OneTooEarly(Core):
    def choose(self, states, counts):
        return states[torch.arange(len(counts)), (counts - 2).clamp(min=0)]


class MeanState(Core):
    def choose(self, states, counts):
        return states.mean(dim=1)


class MeanOfTheWords(Core):
    def choose(self, states, counts):
        return torch.stack([row[:count].mean(dim=0) for row, count in zip(states, counts, strict=True)])


class Detached(Core):
    def choose(self, states, counts):
        return super().choose(states, counts).detach()


class TimeFirst(Core):
    batch_first = False


class FinalState(Core):
    """The last state without packing: that after the padding."""

    def forward(self, words, counts):
        return self.linear(self.lstm(self.embedding(words))[1][0][-1])


class Memory(Core):
    def forward(self, words, counts):
        packed = pack_padded_sequence(self.embedding(words), counts, batch_first=True, enforce_sorted=False)
        return self.linear(self.lstm(packed)[1][1][-1])


class Sorted(Core):
    def forward(self, words, counts):
        order = counts.argsort(descending=True)
        packed = pack_padded_sequence(self.embedding(words[order]), counts[order], batch_first=True)
        return self.linear(self.lstm(packed)[1][0][-1])


class NeedsSorted(Core):
    """Raises where the sentences do not come by length."""

    def forward(self, words, counts):
        packed = pack_padded_sequence(self.embedding(words), counts, batch_first=True)
        return self.linear(self.lstm(packed)[1][0][-1])


class WithReLU(Core):
    def forward(self, words, counts):
        return torch.relu(super().forward(words, counts))


class NoLinear(nn.Module):
    def __init__(self, vocabulary_size, word_dim, text_dim):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, word_dim)
        self.lstm = nn.LSTM(word_dim, text_dim, batch_first=True)

    def forward(self, words, counts):
        states, _ = self.lstm(self.embedding(words))
        return states[torch.arange(len(counts)), counts - 1]


class BothWays(Core):
    def __init__(self, vocabulary_size, word_dim, text_dim):
        super().__init__(vocabulary_size, word_dim, text_dim)
        self.lstm = nn.LSTM(word_dim, text_dim, batch_first=True, bidirectional=True)


WRONG["sentence_core"] = [
    (LastColumn, "The last column is padding"),
    (FinalState, "The last column is padding"),
    (OneTooFar, "raised IndexError"),
    (OneTooEarly, "before the last word"),
    (MeanState, "not the mean of all"),
    (MeanOfTheWords, "not the mean over the words"),
    (Detached, "no gradient reaches"),
    (TimeFirst, ""),
    (Memory, "That is the cell"),
    (Sorted, "sorted by length"),
    (NeedsSorted, "raised RuntimeError"),
    (WithReLU, "no ReLU after it"),
    (NoLinear, "gave parameters"),
    (BothWays, "gave parameters"),
]
