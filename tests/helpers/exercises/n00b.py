"""What the tests know of 00b_field_and_words: wrong answers to each exercise, and where its numbers lie."""

from statistics import mean, median


def _windows(duration, length, stride, count):
    return [(k * stride, k * stride + length) for k in range(count)]


WRONG = {
    "sliding_windows": [
        lambda d, n, s: _windows(d, n, s, int((d - n) // s)),  # the last one forgotten
        lambda d, n, s: _windows(d, n, s, int(d // s)),  # past the end
        lambda d, n, s: _windows(d, n, s, int((d - n) // s) + 2),
        lambda d, n, s: _windows(d, n, n, int((d - n) // n) + 1),  # stride ignored
        lambda d, n, s: [(a, min(b, d)) for a, b in _windows(d, n, s, int(-(-d // s)))],  # cut at the end
        lambda d, n, s: [a for a, _ in _windows(d, n, s, int((d - n) // s) + 1)],  # starts alone
        lambda d, n, s: [(a, n) for a, _ in _windows(d, n, s, int((d - n) // s) + 1)],  # length for end
        lambda d, n, s: _windows(d, n, s, max(int((d - n) // s) + 1, 1)),  # at least one window
        lambda d, n, s: [w for w in _windows(d, n, s, 99) if w[1] < d],  # strictly
        lambda d, n, s: [(int(a), int(b)) for a, b in _windows(d, n, s, int((d - n) // s) + 1)],  # whole seconds
    ],
    "mean_share": [
        lambda m, d: 100 * sum(e - s for s, e in m) / sum(d),  # a ratio of means
        lambda m, d: mean((e - s) / t for (s, e), t in zip(m, d, strict=True)),  # no percent
        lambda m, d: 100 * median((e - s) / t for (s, e), t in zip(m, d, strict=True)),
        lambda m, d: 100 * mean(e / t for (_, e), t in zip(m, d, strict=True)),  # the end alone
        lambda m, d: 100 * sum((e - s) / t for (s, e), t in zip(m, d, strict=True)),  # a sum
        lambda m, d: 100 * mean(e - s for s, e in m) / max(d),
        lambda m, d: [100 * (e - s) / t for (s, e), t in zip(m, d, strict=True)],  # not averaged
        lambda m, d: 100 * mean((s - e) / t for (s, e), t in zip(m, d, strict=True)),
        lambda m, d: mean(e - s for s, e in m),  # seconds
    ],
}

EXPECTED = {"words": (45, 90)}
