"""What the tests know of 00b_field_and_words: wrong answers to each exercise, and where its numbers lie."""

from statistics import mean, median


def _windows(duration, length, stride, count):
    return [(k * stride, k * stride + length) for k in range(count)]


WRONG = {
    "sliding_windows": [
        (lambda d, n, s: _windows(d, n, s, int((d - n) // s)), "may end exactly with the video"),
        (lambda d, n, s: _windows(d, n, s, int(-(-d // s))), "whole window lies within"),
        (lambda d, n, s: _windows(d, n, s, int((d - n) // s) + 2), ""),
        (lambda d, n, s: _windows(d, n, n, int((d - n) // n) + 1), "one stride later"),
        (lambda d, n, s: [(a, min(b, d)) for a, b in _windows(d, n, s, int(-(-d // s)))], "None is cut"),
        (lambda d, n, s: [a for a, _ in _windows(d, n, s, int((d - n) // s) + 1)], "a pair"),
        (lambda d, n, s: [(a, n) for a, _ in _windows(d, n, s, int((d - n) // s) + 1)], "start plus length"),
        (lambda d, n, s: _windows(d, n, s, max(int((d - n) // s) + 1, 1)), "shorter than one window has none"),
        (lambda d, n, s: [w for w in _windows(d, n, s, 99) if w[1] < d], "may end exactly with the video"),
        (lambda d, n, s: [(int(a), int(b)) for a, b in _windows(d, n, s, int((d - n) // s) + 1)], "need not be whole"),
        (lambda d, n, s: [(k, k + n) for k in range(0, int(d - n) + 1, int(s))], ""),
    ],
    "mean_share": [
        (lambda m, d: 100 * sum(e - s for s, e in m) / sum(d), "not a ratio of means"),
        (lambda m, d: mean((e - s) / t for (s, e), t in zip(m, d, strict=True)), "In percent"),
        (lambda m, d: 100 * median((e - s) / t for (s, e), t in zip(m, d, strict=True)), "not the median"),
        (lambda m, d: 100 * mean(e / t for (_, e), t in zip(m, d, strict=True)), "end minus its start"),
        (lambda m, d: 100 * sum((e - s) / t for (s, e), t in zip(m, d, strict=True)), "divide the sum"),
        (lambda m, d: 100 * mean(e - s for s, e in m) / max(d), "its own video"),
        (lambda m, d: [100 * (e - s) / t for (s, e), t in zip(m, d, strict=True)], "one number"),
        (lambda m, d: 100 * mean((s - e) / t for (s, e), t in zip(m, d, strict=True)), "end minus its start"),
        (lambda m, d: mean(e - s for s, e in m), "not seconds"),
    ],
}

EXPECTED = {"words": (45, 90)}
