"""What the tests know of 03_sentence_encoder: wrong answers with their messages, and its key numbers."""

import math


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
    "nearest to the middle": (85, 95),
}
