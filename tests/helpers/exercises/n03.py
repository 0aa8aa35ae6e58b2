"""What the tests know of 03_sentence_encoder: wrong answers with their messages, and its key numbers."""

import math

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


def _sigmoid(x):
    return 1 / (1 + math.exp(-x))


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _nearest(likeness):
    return lambda vectors, query: max(range(len(vectors)), key=lambda i: likeness(vectors[i], query))


def _cosine(v, q):
    return _dot(v, q) / (math.hypot(*v) * math.hypot(*q))


def _learn_words(words, numbers, length):
    for word in words:
        numbers.setdefault(word, len(numbers) + 2)
    return [numbers[word] for word in words] + [0] * (length - len(words))


def _pad_in_place(words, numbers, length):
    words += [""] * (length - len(words))
    return [numbers.get(word, 1) if word else 0 for word in words]


def _padded(values, length):
    return values + [0] * (length - len(values))


def _mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


WRONG = {
    "encode_words": [
        (lambda words, numbers, length: _padded([numbers.get(word, 0) for word in words], length), "has number 1"),
        (lambda words, numbers, length: [numbers.get(word, 1) for word in words], "Fill up with 0"),
        (lambda words, numbers, length: [0] * (length - len(words)) + [numbers.get(w, 1) for w in words], "at the end"),
        (
            lambda words, numbers, length: [numbers.get(w, 1) for w in words] + [1] * (length - len(words)),
            "Fill up with 0",
        ),
        (lambda words, numbers, length: _padded([numbers[w] for w in words if w in numbers], length), "has number 1"),
        (
            lambda words, numbers, length: _padded(sorted(numbers.get(w, 1) for w in words), length),
            "order of the sentence",
        ),
        (lambda words, numbers, length: _padded([numbers[word] for word in words], length), "KeyError"),
        (lambda words, numbers, length: [numbers.get(w, 1) for w in words] + [0] * length, "until there are"),
        (lambda words, numbers, length: _padded([numbers.get(w, 1) for w in words], length + 1), "until there are"),
        (lambda words, numbers, length: _padded([numbers.get(w, 1) for w in dict.fromkeys(words)], length), "twice"),
        (lambda words, numbers, length: _padded([i + 2 for i, w in enumerate(words)], length), "Look up"),
        (_learn_words, "has number 1"),
        (_pad_in_place, "without a change of its arguments"),
    ],
    "last_states": [
        (lambda states, counts: [rows[-1] for rows in states], "is padding"),
        (lambda states, counts: [rows[count] for rows, count in zip(states, counts, strict=True)], "IndexError"),
        (
            lambda states, counts: [rows[min(c, len(rows) - 1)] for rows, c in zip(states, counts, strict=True)],
            "count from 0",
        ),
        (lambda states, counts: [rows[counts[0] - 1] for rows in states], "its own count"),
        (lambda states, counts: [rows[counts[-1] - 1] for rows in states], "its own count"),
        (lambda states, counts: [rows[max(counts) - 1] for rows in states], "its own count"),
        (lambda states, counts: [rows[min(counts) - 1] for rows in states], "its own count"),
        (lambda states, counts: [rows[0] for rows in states], "the last one"),
        (lambda states, counts: [_mean(rows[:count]) for rows, count in zip(states, counts, strict=True)], "One state"),
        (lambda states, counts: [rows[:count] for rows, count in zip(states, counts, strict=True)], "One state"),
        (lambda states, counts: [rows[count - 2] for rows, count in zip(states, counts, strict=True)], "count from 0"),
        (lambda states, counts: states[-1][counts[-1] - 1], "of each sentence"),
        (
            lambda states, counts: [max(rows[:count]) for rows, count in zip(states, counts, strict=True)],
            "the last one",
        ),
        (lambda states, counts: [[r for r in rows if all(r)][-1] for rows in states], "is padding"),
    ],
    "memory_left": [
        (lambda bias, steps: 0.5**steps, "the sigmoid of the bias"),
        (lambda bias, steps: _sigmoid(bias) * steps, "multiplies once more"),
        (lambda bias, steps: _sigmoid(bias), "multiplies once more"),
        (lambda bias, steps: _sigmoid(bias * steps), "multiplies once more"),
        (lambda bias, steps: _sigmoid(bias) / steps if steps else 1.0, "multiplies once more"),
        (lambda bias, steps: bias**steps, "the sigmoid of the bias"),
        (lambda bias, steps: math.tanh(bias) ** steps, "the sigmoid of the bias"),
        (lambda bias, steps: _sigmoid(-bias) ** steps, "1 / (1 + e^(−bias))"),
        (lambda bias, steps: math.exp(-bias * steps), "the sigmoid of the bias"),
        (lambda bias, steps: _sigmoid(bias) ** (steps + 1), "one word later"),
        (lambda bias, steps: _sigmoid(bias) ** (steps - 1), "one word later"),
        (lambda bias, steps: 1 - _sigmoid(bias) ** steps, "what is left"),
        (lambda bias, steps: _sigmoid(abs(bias)) ** steps, "negative bias"),
        (lambda bias, steps: 100 * _sigmoid(bias) ** steps, "a share"),
    ],
    "nearest_sentence": [
        (_nearest(_dot), "divide by its norm"),
        (_nearest(lambda v, q: _dot(v, q) / math.hypot(*q)), "divide by its norm"),
        (_nearest(lambda v, q: -math.dist(v, q)), "not the distance"),
        (_nearest(lambda v, q: -sum(abs(a - b) for a, b in zip(v, q, strict=True))), "not the distance"),
        (_nearest(lambda v, q: abs(_cosine(v, q))), "opposite direction"),
        (_nearest(lambda v, q: -_cosine(v, q)), "highest cosine"),
        (_nearest(lambda v, q: _dot(v, q) / _dot(v, v)), "not by its square"),
        (_nearest(lambda v, q: _dot(v, q) / sum(map(abs, v))), "root of the sum of squares"),
        (_nearest(lambda v, q: _dot(v, q) / max(map(abs, v))), "root of the sum of squares"),
        (lambda vectors, query: 1 + _nearest(_cosine)(vectors, query), "counted from 0"),
        (lambda vectors, query: vectors[_nearest(_cosine)(vectors, query)], "the answer is one number"),
        (lambda vectors, query: max(_cosine(v, query) for v in vectors), "Return the position"),
        (lambda vectors, query: [_cosine(v, query) for v in vectors], "the answer is one number"),
        (_nearest(lambda v, q: -abs(math.hypot(*v) - math.hypot(*q))), "direction"),
    ],
}

EXPECTED = {
    "vocabulary": (20_000, 20_100),
    "first word, untrained, init torch": (0.0, 0.03),
    "first word, untrained, init unit": (0.2, 0.6),
    "first word, trained LGN": (0.25, 1.0),
    "cosine, same activity, other words": (0.8, 1.0),
    "cosine, other activity": (0.3, 0.8),
    "R1@0.5": (52, 75),
    "R1@0.5, padding read": (25, 60),
    "R1@0.5, new words": (40, 65),
    "R1@0.5, new words as <unk>": (10, 40),
    "R1@0.5 turned, colour": (0, 60),
    "R1@0.5 turned, shape": (40, 75),
    "first word, cell alone, untrained, init torch": (0.001, 0.004),  # a gate of 1/2, nine times
    "first word, cell alone, untrained, init unit": (0.15, 0.5),
    "above chance, ordinal, nearest to the middle": (-10, 10),
    "above chance, ordinal, counting, as the sentence asks": (55, 75),
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
